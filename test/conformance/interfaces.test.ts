// Which addresses and interfaces of the service are intercepted inbound. The service has two addresses on eth0, and
// a second host is joined to it over eth1. The options have an "ebpf" in their names and mean the same with iptables.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { World } from "../support/world.ts";
import { endpoint } from "./situation.ts";
import { outcome, startWorld } from "./try-situation.ts";
import { EBPF_WAYS, IPTABLES_WAYS, SK_LOOKUP, TC, type Way } from "./ways.ts";

const PLACES = [
  { from: "remote", device: "eth0", to: { v4: "10.66.0.1", v6: "fd66::1" } },
  { from: "remote", device: "eth0", to: { v4: "10.66.0.9", v6: "fd66::9" } },
  // An address of the other interface, which the connection does not come by.
  { from: "remote", device: "eth0", to: { v4: "10.66.1.1", v6: "fd66:1::1" } },
  { from: "other", device: "eth1", to: { v4: "10.66.1.1", v6: "fd66:1::1" } },
  { from: "other", device: "eth1", to: { v4: "10.66.0.1", v6: "fd66::1" } },
] as const;

interface Installation {
  readonly name: string;
  readonly way: Way;
  readonly flags: readonly string[];
  /** By which interfaces connections are intercepted … */
  readonly devices: readonly string[];
  /** … and to which addresses; undefined: all. */
  readonly addresses?: readonly string[];
}

const BOTH = ["eth0", "eth1"];
const ON_ETH1 = ["--ebpf-tc-attach-iface", "eth1"];
const TWO_ADDRESSES = ["--ebpf-instance-ip", "10.66.0.9,fd66::9"];

const SETS: readonly Installation[] = [
  { name: "sk_lookup", way: SK_LOOKUP, flags: [], devices: BOTH },
  { name: "tc on eth0", way: TC, flags: [], devices: ["eth0"] },
  { name: "tc on eth1", way: TC, flags: ON_ETH1, devices: ["eth1"] },
  ...IPTABLES_WAYS.flatMap((way): Installation[] => [
    { name: `${way.way} on all interfaces`, way, flags: [], devices: BOTH },
    { name: `${way.way} on eth0`, way, flags: TC.flags, devices: ["eth0"] },
    { name: `${way.way} on eth1`, way, flags: ON_ETH1, devices: ["eth1"] },
    {
      name: `${way.way} on eth1, two --ebpf-instance-ip`,
      way,
      flags: [...ON_ETH1, ...TWO_ADDRESSES],
      devices: ["eth1"],
      addresses: ["10.66.0.9", "fd66::9"],
    },
  ]),
  ...[...EBPF_WAYS, ...IPTABLES_WAYS].flatMap((way): Installation[] => {
    const devices = way === TC ? ["eth0"] : BOTH;
    return [
      {
        name: `${way.way}, two --ebpf-instance-ip`,
        way,
        flags: TWO_ADDRESSES,
        devices,
        addresses: ["10.66.0.9", "fd66::9"],
      },
      {
        name: `${way.way}, one --ebpf-instance-ip`,
        way,
        flags: ["--ebpf-instance-ip", "10.66.0.1"],
        devices,
        addresses: ["10.66.0.1"],
      },
    ];
  }),
];

describe.each(SETS)("$name", ({ way, flags, devices, addresses }) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    await world.addHost("other", "eth1", 1);
    await world.ip("service", "address", "add", "10.66.0.9/24", "dev", "eth0");
    await world.ip("service", "address", "add", "fd66::9/64", "dev", "eth0", "nodad");
    await world.install(...way.flags, ...flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const cases = PLACES.flatMap(({ from, device, to }) =>
    [
      { address: to.v4, connectFlags: [] },
      { address: to.v6, connectFlags: [] },
      { address: to.v4, connectFlags: ["--mapped"] },
    ].map(({ address, connectFlags }) => {
      const intercepted = devices.includes(device) && (addresses?.includes(address) ?? true);
      return { from, device, address, connectFlags, expected: intercepted ? "intercepted" : "untouched" };
    }),
  );
  test.each(cases)("$from, by $device, to $address $connectFlags: $expected", async (each) => {
    const { from, address, connectFlags, expected } = each;
    const to = endpoint(address, 80);
    const connection = await world.connect(to, { host: from, cgroup: false, flags: connectFlags });
    const seen =
      expected === "intercepted" ? { listener: 15006, original: to } : { listener: 80, original: null };
    expect(outcome(connection, way)).toMatchObject({ error: "", ...seen });
  });

  // Only what arrives depends on these; addresses of the host's own stay local, all of them.
  test.each(["10.66.0.1:80", "10.66.0.9:80", "[fd66::9]:80", "10.66.1.1:80", "[fd66:1::1]:80"])(
    "the application's own connections to %s are untouched",
    async (to) => {
      expect(outcome(await world.connect(to), way)).toMatchObject({
        error: "",
        peer: to,
        listener: 80,
        original: null,
      });
    },
  );

  test.each(["10.66.0.2:80", "[fd66::2]:80", "10.66.1.2:80", "[fd66:1::2]:80"])(
    "outbound connections to %s are intercepted",
    async (to) => {
      expect(outcome(await world.connect(to), way)).toEqual({
        error: "",
        peer: to,
        listener: 15001,
        original: to,
      });
    },
  );
});
