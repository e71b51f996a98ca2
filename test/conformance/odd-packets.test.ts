// What the tc program makes of packets that no system's own TCP sends: options, extension headers, fragments, odd flags and
// headers that are cut off. Each test fails where a condition of the program that reads headers is missing.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../support/world.ts";
import { type Counted, sendAndExpect } from "./packet-counters.ts";
import {
  ACK,
  AUTHENTICATION,
  authentication,
  CWR,
  DESTINATION_OPTIONS,
  destinationOptions,
  ECE,
  type Extension,
  FAMILIES,
  FIN,
  type Fragment,
  fragmentHeader,
  hopByHop,
  ip4,
  ip6,
  PSH,
  RST,
  routing,
  SYN,
  startOf,
  tcp,
  UDP,
  URG,
  withChecksum6,
} from "./raw-packets.ts";
import { TC } from "./ways.ts";

const EXCLUDED_PORT = 81;
/** How many extension headers the program looks at: MAX_EXTENSIONS of bpf/tc.bpf.c. */
const MAX_EXTENSIONS = 8;

const NO_SYNS = [ACK, SYN | ACK, SYN | RST, SYN | FIN];

const NOTHING: Counted = {};
const STEERED: Counted = { inboundSynTc: 1 };
const BAD_FRAGMENT: Counted = { inboundBadFragment: 1 };
const EXCLUDED: Counted = { inboundExcludedPort: 1 };

let world: World;

beforeAll(async () => {
  world = await World.create();
  await world.startProxy();
  await world.install(...TC.flags, "--exclude-inbound-ports", String(EXCLUDED_PORT));
  await expectConnections();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Also makes the neighbours known to each other: packets that wait for that may overtake one another. */
async function expectConnections(): Promise<void> {
  for (const to of ["10.66.0.1:80", "[fd66::1]:80"]) {
    const { error, server } = await world.connect(to, { host: "remote", cgroup: false });
    expect({ error, origdst: server?.origdst }).toEqual({ error: "", origdst: to });
  }
}

const expectCounted = (packets: readonly Buffer[], expected: Counted) =>
  sendAndExpect(world, packets, expected, EXCLUDED_PORT);

describe.each(FAMILIES)("$family", ({ wrap, wrapFragment }) => {
  test.each([
    { name: "SYN", flags: SYN, expected: STEERED },
    { name: "SYN that asks for ECN", flags: SYN | ECE | CWR, expected: STEERED },
    { name: "SYN, PSH", flags: SYN | PSH, expected: STEERED },
    { name: "SYN, URG", flags: SYN | URG, expected: STEERED },
    { name: "SYN, PSH, URG, ECE, CWR", flags: SYN | PSH | URG | ECE | CWR, expected: STEERED },
    { name: "SYN, ACK", flags: SYN | ACK, expected: NOTHING },
    { name: "SYN, FIN", flags: SYN | FIN, expected: NOTHING },
    { name: "SYN, RST", flags: SYN | RST, expected: NOTHING },
    { name: "ACK", flags: ACK, expected: NOTHING },
    { name: "no flag", flags: 0, expected: NOTHING },
  ])("$name: $expected", async ({ flags, expected }) => {
    await expectCounted([wrap(tcp(flags))], expected);
  });

  test("a SYN to an excluded port is counted as that, and not steered", async () => {
    await expectCounted([wrap(tcp(SYN, EXCLUDED_PORT))], EXCLUDED);
  });

  test("a SYN whose TCP header is cut off is nothing", async () => {
    const packets = Array.from({ length: 16 }, (_, length) => wrap(tcp(SYN).subarray(0, length)));
    await expectCounted(packets, NOTHING);
  });

  test("UDP with the bytes of a SYN is nothing", async () => {
    await expectCounted([wrap(tcp(SYN), { protocol: UDP })], NOTHING);
  });

  const first: Fragment = { offset: 0, more: true };
  const zeroes = Buffer.alloc(24);
  test.each([
    { name: "the first, a SYN", payload: startOf(SYN), fragment: first, expected: BAD_FRAGMENT },
    { name: "the first, SYN and FIN", payload: startOf(SYN | FIN), fragment: first, expected: BAD_FRAGMENT },
    { name: "the first, SYN and RST", payload: startOf(SYN | RST), fragment: first, expected: BAD_FRAGMENT },
    { name: "the first, no flags", payload: startOf(ACK, 8), fragment: first, expected: BAD_FRAGMENT },
    {
      name: "the last, flags",
      payload: zeroes,
      fragment: { offset: 1, more: false },
      expected: BAD_FRAGMENT,
    },
    {
      name: "one between, flags",
      payload: zeroes,
      fragment: { offset: 1, more: true },
      expected: BAD_FRAGMENT,
    },
    { name: "the first, an ACK", payload: startOf(ACK), fragment: first, expected: NOTHING },
    { name: "the first, a SYN with ACK", payload: startOf(SYN | ACK), fragment: first, expected: NOTHING },
    // Where the flags would be, were this a first fragment, a SYN.
    { name: "the second", payload: startOf(SYN), fragment: { offset: 2, more: false }, expected: NOTHING },
    { name: "one later", payload: startOf(SYN), fragment: { offset: 3, more: true }, expected: NOTHING },
    { name: "far away", payload: startOf(SYN), fragment: { offset: 4097, more: true }, expected: NOTHING },
  ])("a fragment, $name: $expected", async ({ payload, fragment, expected }) => {
    await expectCounted([wrapFragment(payload, fragment)], expected);
  });

  test("fragments of UDP are nothing", async () => {
    const packets = [first, { offset: 1, more: false }].map((fragment) =>
      wrapFragment(startOf(SYN), fragment, { protocol: UDP }),
    );
    await expectCounted(packets, NOTHING);
  });
});

describe("options of IPv4", () => {
  const lengths = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

  test.each(lengths)("a SYN behind a header of %i words is steered", async (headerLength) => {
    await expectCounted([ip4(tcp(SYN), { headerLength })], STEERED);
  });

  test("nothing else behind such headers is", async () => {
    const packets = lengths.flatMap((headerLength) => [
      ...NO_SYNS.map((flags) => ip4(tcp(flags), { headerLength })),
      ip4(tcp(SYN), { headerLength, protocol: UDP }),
    ]);
    await expectCounted(packets, NOTHING);
  });

  test("a fragment behind options that is a SYN is told", async () => {
    const packet = ip4(startOf(SYN), { headerLength: 8, fragment: { offset: 0, more: true } });
    await expectCounted([packet], BAD_FRAGMENT);
  });

  test("a SYN that must not be fragmented is steered", async () => {
    await expectCounted([ip4(tcp(SYN), { dontFragment: true })], STEERED);
  });

  // Of IPv4 the program looks behind no such header.
  test("a SYN behind an authentication header is left to the kernel", async () => {
    await expectCounted([ip4(tcp(SYN), { protocol: AUTHENTICATION })], NOTHING);
  });
});

describe("extension headers of IPv6", () => {
  const atomic = { offset: 0, more: false };
  const chains: readonly { readonly name: string; readonly extensions: readonly Extension[] }[] = [
    { name: "hop-by-hop options", extensions: [hopByHop()] },
    { name: "long hop-by-hop options", extensions: [hopByHop(3)] },
    { name: "destination options", extensions: [destinationOptions()] },
    { name: "long destination options", extensions: [destinationOptions(5)] },
    { name: "routing", extensions: [routing()] },
    { name: "long routing", extensions: [routing(3)] },
    { name: "authentication", extensions: [authentication()] },
    { name: "long authentication", extensions: [authentication(32)] },
    { name: "an atomic fragment", extensions: [fragmentHeader(atomic)] },
    { name: "an atomic fragment with reserved bits", extensions: [fragmentHeader(atomic, { reserved: 3 })] },
    {
      name: "one of each",
      extensions: [
        hopByHop(),
        destinationOptions(2),
        routing(),
        fragmentHeader(atomic),
        authentication(),
        destinationOptions(),
      ],
    },
    {
      name: "as many as the program looks at",
      extensions: Array.from({ length: MAX_EXTENSIONS }, () => destinationOptions()),
    },
  ];

  describe.each(chains)("$name", ({ extensions }) => {
    test("a SYN behind them is steered", async () => {
      await expectCounted([ip6(tcp(SYN), { extensions })], STEERED);
    });

    test("nothing else behind them is, nor one that is cut off", async () => {
      const whole = ip6(tcp(SYN), { extensions });
      const cutOff = Array.from({ length: whole.length - 44 }, (_, i) => whole.subarray(0, 40 + i));
      const others = NO_SYNS.map((flags) => ip6(tcp(flags), { extensions }));
      await expectCounted([...cutOff, ...others, ip6(tcp(SYN), { extensions, protocol: UDP })], NOTHING);
    });
  });

  test.each([
    { name: "a SYN", payload: startOf(SYN), expected: BAD_FRAGMENT },
    { name: "without the flags", payload: startOf(ACK, 8), expected: BAD_FRAGMENT },
    { name: "an ACK", payload: startOf(ACK), expected: NOTHING },
  ])("a first fragment with options on both sides, $name: $expected", async ({ payload, expected }) => {
    const extensions = [hopByHop(), fragmentHeader({ offset: 0, more: true }), destinationOptions()];
    await expectCounted([ip6(payload, { extensions })], expected);
  });
});

// It is not counted, and reaches the proxy only because that program knows by which interface it came.
describe("headers that can hide a SYN from the program are dropped", () => {
  const syn = () => withChecksum6(tcp(SYN));
  const more = Array.from({ length: MAX_EXTENSIONS }, () => destinationOptions());

  test("more extension headers than it looks at", async () => {
    await expectCounted([ip6(syn(), { extensions: [...more, destinationOptions()] })], BAD_FRAGMENT);
  });

  test("as many, and a fragment header", async () => {
    const fragment = fragmentHeader({ offset: 0, more: true });
    await expectCounted([ip6(syn(), { extensions: [...more, fragment] })], BAD_FRAGMENT);
  });

  test("fragments of which the first ends between two extension headers", async () => {
    const identification = 0x7fff_0001;
    const first = fragmentHeader({ offset: 0, more: true }, { identification });
    const last = fragmentHeader({ offset: 1, more: false }, { identification });
    await expectCounted(
      [
        ip6(Buffer.alloc(0), { extensions: [first, destinationOptions()], protocol: DESTINATION_OPTIONS }),
        ip6(syn(), { extensions: [last, destinationOptions()] }),
      ],
      BAD_FRAGMENT,
    );
  });
});

test("connections are intercepted after all that", expectConnections);
