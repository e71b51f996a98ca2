// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, isLoopback, parseAddress, sameAddress } from "../core/address.ts";
import type { SshAccess } from "../core/facts.ts";
import { decide } from "./decide.ts";
import { isLocal } from "./decide-places.ts";
import type { Plan } from "./plan.ts";

/** Where the proxy takes inbound connections already: the families in which it listens. */
export type Listening = ReadonlySet<Family>;

/** From where a connection may come, and to where. */
interface Way {
  readonly from: Address;
  readonly to: Address;
  readonly interface: string;
}

/**
 * What of `accesses` would be cut off by a plan: new connections would go to the proxy's inbound port, where nothing
 * listens. A session is cut off where whoever has it could not come again; a server where nobody could come, in one of
 * its families: no address of this host and no excluded source is a way past the proxy. Pure.
 *
 * @param current the plan that is in force; what goes where it went before is not cut off by the new one
 */
export function judgeLockOut(
  plan: Plan,
  accesses: readonly SshAccess[],
  listening: Listening,
  current?: Plan,
): SshAccess[] {
  if (!plan.inbound.redirect || plan.whenProxyDown === "bypass") return [];
  return accesses.filter((access) =>
    ([4, 6] as const).some((family) => {
      const ways = waysOf(plan, access, family);
      const isCutOff = (way: Way) => {
        const port = destinationOf(plan, way, access.port);
        return port !== undefined && port !== (current && destinationOf(current, way, access.port));
      };
      return !listening.has(family) && ways.length > 0 && ways.every(isCutOff);
    }),
  );
}

/** The port that a new connection is sent to, come what may; undefined: it reaches whom it was for. */
function destinationOf(plan: Plan, { from, to, interface: name }: Way, port: number): number | undefined {
  if (plan.whenProxyDown === "bypass") return undefined;
  // Somebody listens there, so it is not forwarded.
  const connection = { kind: "inbound", from, to, port, interface: name, forwarded: "inbound" } as const;
  const decision = decide(plan, connection);
  return decision.result === "inbound" ? decision.port : undefined;
}

function waysOf(plan: Plan, { address, peer }: SshAccess, family: Family): Way[] {
  if (peer !== undefined) {
    if (address.family !== family) return [];
    const owner = plan.interfaces.find((each) => each.addresses.some((own) => sameAddress(own, address)));
    // An address of lo, or one that is gone: it may come in anywhere.
    const interfaces = owner === undefined ? plan.interfaces : [owner];
    return interfaces.map(({ name }) => ({ from: peer, to: address, interface: name }));
  }
  const isEverywhere = isUnspecified(address) && (address.family === 6 || family === 4);
  const targets = plan.interfaces.flatMap((each) =>
    each.addresses
      .filter((own) => own.family === family && !isLinkLocal(own) && !isLoopback(own))
      .filter((own) => isEverywhere || sameAddress(own, address))
      .map((to) => ({ to, interface: each.name })),
  );
  const sources = sourcesOf(plan, family);
  return targets.flatMap((target) => sources.map((from) => ({ from, ...target })));
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

/** fe80::/10: nobody administers a host by that alone. */
function isLinkLocal({ family, bytes }: Address): boolean {
  return family === 6 && bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
}
