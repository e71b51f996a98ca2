// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, isLoopback, parseAddress, sameAddress } from "../core/address.ts";
import type { SshAccess } from "../core/facts.ts";
import { decide } from "./decide.ts";
import { isLocal } from "./decide-places.ts";
import type { Plan } from "./plan.ts";

/** Where the proxy takes inbound connections already: the families in which it listens. */
export type Listening = ReadonlySet<Family>;

/** A new connection from another host. */
export interface InboundWay {
  readonly from: Address;
  readonly to: Address;
  /** 1–65535 */
  readonly port: number;
  /** The name of the interface that it arrives on. */
  readonly interface: string;
}

/** The port that a new connection is sent to, come what may; undefined: it reaches whom it was for, or nobody knows. */
export type Destination = (way: InboundWay) => number | undefined;

/** Who could not come in any more, and in which families. */
export interface CutOff {
  readonly access: SshAccess;
  /** In ascending order, at least one. */
  readonly families: readonly Family[];
}

export interface LockOut {
  readonly refused: readonly CutOff[];
  /** Servers that can still be reached, by the other family. */
  readonly narrowed: readonly CutOff[];
}

/**
 * What of `accesses` would be cut off by a plan: new connections would go to the proxy's inbound port, where nothing
 * listens. A session is cut off where whoever has it could not come again. A server, which is all that listens on one
 * port, where nobody could come in any family: no address of this host and no excluded source is a way past the proxy. That
 * IPv4 is cut off is not made good by unique local addresses: they may be those of a bridge, and of a bridge alone. Pure.
 *
 * @param inForce what goes where it went before is not cut off by the plan, though it is no way in either
 */
export function judgeLockOut(
  plan: Plan,
  accesses: readonly SshAccess[],
  listening: Listening,
  inForce: Destination = () => undefined,
): LockOut {
  if (!plan.inbound.redirect || plan.whenProxyDown === "bypass") return { refused: [], narrowed: [] };
  const destination = destinationUnder(plan);
  const stateOf = (ways: readonly InboundWay[], family: Family) => {
    if (ways.length === 0) return "none";
    const open = listening.has(family) ? ways : ways.filter((way) => destination(way) === undefined);
    if (open.length > 0) return open.every(({ to }) => isUniqueLocal(to)) ? "open to few" : "open";
    return ways.every((way) => destination(way) === inForce(way)) ? "closed already" : "cut off";
  };
  const judged = partiesOf(accesses).map((party) => {
    const states = FAMILIES.map((family) => {
      const ways = party.flatMap((access) => waysOf(plan, access, family));
      return { family, state: stateOf(ways, family) };
    });
    const families = states.filter(({ state }) => state === "cut off").map(({ family }) => family);
    const cutOff = party
      .map((access) => ({
        access,
        families: families.filter((family) => waysOf(plan, access, family).length > 0),
      }))
      .filter((each) => each.families.length > 0);
    return { cutOff, isOpen: states.some(({ state }) => state === "open") };
  });
  return {
    refused: judged.filter(({ isOpen }) => !isOpen).flatMap(({ cutOff }) => cutOff),
    narrowed: judged.filter(({ isOpen }) => isOpen).flatMap(({ cutOff }) => cutOff),
  };
}

const FAMILIES = [4, 6] as const satisfies readonly Family[];

/** Sessions each by itself; servers by their port, for one listens in several places. */
function partiesOf(accesses: readonly SshAccess[]): SshAccess[][] {
  const servers = accesses.filter(({ kind }) => kind === "server");
  const ports = [...new Set(servers.map(({ port }) => port))];
  return [
    ...ports.map((port) => servers.filter((each) => each.port === port)),
    ...accesses.filter(({ kind }) => kind === "session").map((access) => [access]),
  ];
}

/** Where a plan sends what comes from outside, were it in force. */
export function destinationUnder(plan: Plan): Destination {
  if (plan.whenProxyDown === "bypass") return () => undefined;
  return (way) => {
    // Somebody listens there, so it is not forwarded.
    const decision = decide(plan, { kind: "inbound", forwarded: "inbound", ...way });
    return decision.result === "inbound" ? decision.port : undefined;
  };
}

function waysOf(plan: Plan, access: SshAccess, family: Family): InboundWay[] {
  const { address, port, peer } = access;
  if (peer !== undefined) {
    if (address.family !== family) return [];
    const owner = plan.interfaces.find((each) => each.addresses.some((own) => sameAddress(own, address)));
    // An address of lo, or one that is gone: it may come in anywhere.
    const interfaces = owner === undefined ? plan.interfaces : [owner];
    return interfaces.map(({ name }) => ({ from: peer, to: address, port, interface: name }));
  }
  const isEverywhere = isUnspecified(address) && servesFamily(access, family);
  const targets = targetsOf(plan, family).filter(({ to }) => isEverywhere || sameAddress(to, address));
  const sources = sourcesOf(plan, family);
  return targets.flatMap((target) => sources.map((from) => ({ from, port, ...target })));
}

/** An IPv6 socket takes both, unless it was told not to. */
function servesFamily({ address, isIpv6Only }: SshAccess, family: Family): boolean {
  return address.family === family || (family === 4 && isIpv6Only !== true);
}

/** The families in which somebody could come to this host. */
export function reachableFamilies(plan: Plan): Family[] {
  return FAMILIES.filter((family) => targetsOf(plan, family).length > 0);
}

function targetsOf(plan: Plan, family: Family): Pick<InboundWay, "to" | "interface">[] {
  return plan.interfaces.flatMap((each) =>
    each.addresses
      .filter((own) => own.family === family && !isLinkLocal(own) && !isLoopback(own))
      .map((to) => ({ to, interface: each.name })),
  );
}

/** Anybody (an address that is for documentation: RFC 5737, RFC 3849), and somebody who is excluded. */
function sourcesOf(plan: Plan, family: Family): Address[] {
  const anybody = parseAddress(family === 4 ? "192.0.2.1" : "2001:db8::1");
  const excluded = plan.inbound.excludedAddresses.find(
    ({ address }) => address.family === family && !isLocal(plan, address),
  );
  return [anybody, excluded?.address].filter((each) => each !== undefined);
}

function isUnspecified({ bytes }: Address): boolean {
  return bytes.every((byte) => byte === 0);
}

/** fc00::/7 */
function isUniqueLocal({ family, bytes }: Address): boolean {
  return family === 6 && ((bytes[0] ?? 0) & 0xfe) === 0xfc;
}

/** fe80::/10: nobody administers a host by that alone. */
function isLinkLocal({ family, bytes }: Address): boolean {
  return family === 6 && bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
}
