import { expect, test } from "vitest";
import { type Address, parseAddress } from "../../../src/core/address.ts";
import type { SshAccess } from "../../../src/core/facts.ts";
import { destinationUnder, judgeLockOut } from "../../../src/plan/judge-lock-out.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { samplePlan, type Wanted } from "../../support/plan-samples.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

function server(text: string, port = 22, isIpv6Only?: boolean): SshAccess {
  return { kind: "server", address: address(text), port, isIpv6Only, peer: undefined, holder: "sshd" };
}

function session(peer: string, to = "10.0.0.1", port = 22): SshAccess {
  return { kind: "session", address: address(to), port, peer: address(peer), holder: "sshd" };
}

/** Two interfaces, one of them with IPv6. */
function plan(wanted: Wanted = {}, ipv6 = "fd00::1"): Plan {
  const face = (name: string, index: number, ...addresses: readonly string[]) => ({
    ...{ name, index, up: true, loopback: false },
    addresses: addresses.map(address),
  });
  return {
    ...samplePlan(wanted),
    interfaces: [face("eth0", 2, "10.0.0.1", ipv6, "fe80::1"), face("eth1", 3, "192.168.0.1")],
  };
}

const NOBODY: ReadonlySet<4 | 6> = new Set();
const V4: ReadonlySet<4 | 6> = new Set([4] as const);
const V6: ReadonlySet<4 | 6> = new Set([6] as const);

interface Case {
  readonly wanted?: Wanted;
  readonly access: SshAccess | readonly SshAccess[];
  readonly listening?: ReadonlySet<4 | 6>;
  readonly current?: Wanted;
  /** The IPv6 address of eth0. */
  readonly host?: string;
  readonly change?: Partial<Plan>;
  readonly currentChange?: Partial<Plan>;
  /** One number: by the other family there is a way. */
  readonly cutOff: boolean | 4 | 6;
}

const EVERYWHERE = server("0.0.0.0");
const GLOBAL = "2001:db8:1::1";
const BOTH = server("::");
const V6_ONLY = server("::", 22, true);
const OF_ETH0 = { tcInterface: "eth0" } as const;

test.each<[string, Case]>([
  ["a server", { access: EVERYWHERE, cutOff: true }],
  ["of both families, where the proxy listens in one", { access: BOTH, listening: V4, cutOff: 6 }],
  ["of both families, where it listens in the other one", { access: BOTH, listening: V6, cutOff: true }],
  ["of IPv4, where the proxy listens in that", { access: EVERYWHERE, listening: V4, cutOff: false }],
  ["of IPv4, where the proxy listens in IPv6 alone", { access: EVERYWHERE, listening: V6, cutOff: true }],
  ["inbound disabled", { wanted: { inbound: { redirect: false } }, access: EVERYWHERE, cutOff: false }],
  ["bypass", { wanted: { whenProxyDown: "bypass" }, access: EVERYWHERE, cutOff: false }],
  ["its port excluded", { wanted: { inbound: { exclude: [22] } }, access: EVERYWHERE, cutOff: false }],
  ["another port excluded", { wanted: { inbound: { exclude: [23] } }, access: EVERYWHERE, cutOff: true }],
  ["its port included", { wanted: { inbound: { include: [22, 80] } }, access: EVERYWHERE, cutOff: true }],
  ["another port included", { wanted: { inbound: { include: [80] } }, access: EVERYWHERE, cutOff: false }],
  ["IPv6 left alone", { change: { ipv6: false }, access: server("fd00::1"), cutOff: false }],
  ["IPv6 left alone, and IPv4 not", { change: { ipv6: false }, access: BOTH, cutOff: true }],
  ["on loopback", { access: server("127.0.0.1"), cutOff: false }],
  ["on one address", { access: server("192.168.0.1"), cutOff: true }],
  ["a way in by another interface", { wanted: OF_ETH0, access: EVERYWHERE, cutOff: false }],
  ["no way in by another interface", { wanted: OF_ETH0, access: server("10.0.0.1"), cutOff: true }],
  ["its IPv6, which is on no other interface", { wanted: OF_ETH0, access: BOTH, cutOff: 6 }],
  [
    "another address is the instance's",
    { wanted: { instance: ["10.0.0.1"] }, access: EVERYWHERE, cutOff: false },
  ],
  [
    "somebody is excluded, and can come in",
    { wanted: { inbound: { addresses: ["172.16.0.0/12"] } }, access: EVERYWHERE, cutOff: false },
  ],
  [
    "somebody of the other family is",
    { wanted: { inbound: { addresses: ["fd01::/64"] } }, access: EVERYWHERE, cutOff: true },
  ],
  ["a session", { access: session("172.16.0.9"), cutOff: true }],
  ["a session from here", { access: session("127.0.0.1", "127.0.0.1"), cutOff: false }],
  [
    "a session by the other interface",
    { wanted: OF_ETH0, access: session("172.16.0.9", "192.168.0.1"), cutOff: false },
  ],
  ["a session to an address of lo", { access: session("172.16.0.9", "10.9.9.9"), cutOff: true }],
  [
    "a session from whom is excluded",
    { wanted: { inbound: { addresses: ["172.16.0.0/12"] } }, access: session("172.16.0.9"), cutOff: false },
  ],
  [
    "a session from somewhere else",
    { wanted: { inbound: { addresses: ["172.16.0.0/16"] } }, access: session("172.17.0.9"), cutOff: true },
  ],
  ["cut off already", { current: {}, access: EVERYWHERE, cutOff: false }],
  ["not yet cut off", { current: { inbound: { exclude: [22] } }, access: EVERYWHERE, cutOff: true }],
  [
    "only sent there if somebody listens",
    { current: { whenProxyDown: "bypass" }, access: EVERYWHERE, cutOff: true },
  ],
  [
    "sent to another port before",
    { current: { inbound: { port: 15016 } }, access: EVERYWHERE, cutOff: true },
  ],
  ["where the other one is global", { host: GLOBAL, access: BOTH, listening: V6, cutOff: 4 }],
  [
    "IPv4 alone is intercepted, and IPv6 is global",
    { host: GLOBAL, change: { ipv6: false }, access: BOTH, cutOff: 4 },
  ],
  ["two sockets of one port", { access: [EVERYWHERE, V6_ONLY], listening: V4, cutOff: 6 }],
  ["two ports", { access: [EVERYWHERE, server("fd00::1", 2222)], listening: V4, cutOff: true }],
  ["a socket of IPv6 alone", { access: V6_ONLY, listening: V4, cutOff: true }],
  [
    "a session by IPv6, though its server can be reached by IPv4",
    { access: [BOTH, session("fd00::9", "fd00::1")], listening: V4, cutOff: true },
  ],
  [
    "IPv6, where IPv4 is cut off already",
    { current: {}, currentChange: { ipv6: false }, access: BOTH, cutOff: true },
  ],
  ["one interface, where another one is already", { current: OF_ETH0, access: EVERYWHERE, cutOff: true }],
  ["all of it already", { current: {}, access: [BOTH, session("172.16.0.9")], cutOff: false }],
])(
  "%s",
  (_, { wanted, host, access, listening = NOBODY, current, change = {}, currentChange = {}, cutOff }) => {
    const inForce = current && destinationUnder({ ...plan(current), ...currentChange });
    const accesses = [access].flat();
    const found = judgeLockOut({ ...plan(wanted, host), ...change }, accesses, listening, inForce);
    const [refused, narrowed] = [found.refused, found.narrowed].map((each) =>
      each.map(({ access }) => access),
    );
    if (cutOff === true) {
      // Of several the last is the one that the case is about.
      expect(refused).toEqual([accesses.at(-1)]);
      return;
    }
    expect(refused).toEqual([]);
    expect(narrowed).toEqual(cutOff === false ? [] : [accesses.at(-1)]);
    for (const { families } of found.narrowed) expect(families).toEqual([cutOff]);
  },
);
