// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, parseAddress } from "../../core/address.ts";
import type { Plan } from "../../plan/plan.ts";

/**
 * Addresses that nobody has: those set aside for documentation (RFC 5737, 3849, 9637), and in IPv6 the prefix whose
 * packets routers drop (RFC 6666). Where nothing is intercepted, a SYN goes out to one of them and is lost.
 */
const NOBODYS: Readonly<Record<Family, readonly string[]>> = {
  4: ["192.0.2.1", "198.51.100.1", "203.0.113.1"],
  6: ["2001:db8::1", "3fff::1", "100::1"],
};

/** How many ports or users are tried, at most. What is excluded for more than these is taken to be all. */
const MOST = 64;

/** Destinations of another host, the ones that nobody has first. */
export function candidateAddresses(family: Family, neighbours: readonly Address[]): Address[] {
  const nobodys = NOBODYS[family].map(parseAddress).filter((address) => address !== undefined);
  return [...nobodys, ...neighbours.filter((address) => address.family === family)];
}

/** Ports that outbound connections are redirected at, as far as they depend on nothing else. */
export function candidatePorts({ outbound, userExclusions }: Plan): number[] {
  const edges = userExclusions
    .filter(({ protocol }) => protocol === "tcp")
    .flatMap(({ ports }) => ports.flatMap(({ first, last }) => [first - 1, last + 1]));
  const wanted = [80, 443, 8080, ...outbound.includedPorts, ...edges].filter(
    (port) => isPort(port) && outbound.ports.has(port),
  );
  const first = firstPort(outbound.ports);
  return [...new Set([...wanted.slice(0, MOST), ...(first === undefined ? [] : [first])])];
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65_535;
}

function firstPort(ports: Plan["outbound"]["ports"]): number | undefined {
  for (let port = 1; port <= 65_535; port++) if (ports.has(port)) return port;
  return undefined;
}

/** "nobody", a first user of many systems, root. */
const USUAL_UIDS = [65_534, 1000, 0] as const;

/** Who an application may be, where anybody can be. */
export function candidateUids({ proxyUser, userExclusions }: Plan): number[] {
  const edges = userExclusions.flatMap(({ uids }) =>
    uids.flatMap(({ first, last }) => [first - 1, last + 1]),
  );
  const uids = [...USUAL_UIDS, ...edges].filter((uid) => uid >= 0 && uid <= 4_294_967_294);
  return [...new Set(uids)].filter((uid) => uid !== proxyUser.uid).slice(0, MOST);
}

/** An address in the same network as one of ours, but in its other half: seldom anybody's, and never ours. */
export function neighbourOf(address: Address, length: number): Address | undefined {
  const bits = address.bytes.length * 8;
  if (length >= bits) return undefined;
  const bytes = Uint8Array.from(address.bytes);
  const index = length >> 3;
  bytes[index] = (bytes[index] ?? 0) ^ (0x80 >> (length & 7));
  return { family: address.family, bytes };
}
