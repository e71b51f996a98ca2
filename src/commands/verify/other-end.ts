// SPDX-License-Identifier: Apache-2.0
import { parseAddress, sameAddress, unmapAddress } from "../../core/address.ts";
import { CONNECTED, type Endpoint, readTcpSockets, TCP_STATE } from "../../host/tcp-sockets.ts";

/** A closed connection's, too: the side that closed first stays for a minute. */
const STATES: ReadonlySet<number> = new Set([...CONNECTED, TCP_STATE.timeWait]);

/**
 * The local address of the socket in this network namespace that is connected to this one, which any user may ask the
 * kernel for; undefined where it is on another host. It may go away at any time: quick where it can be.
 */
export function findOtherEnd(client: Endpoint): Endpoint | undefined {
  // An IPv6 socket may have the other end of an IPv4 connection.
  const families = client.address.family === 4 ? ([4, 6] as const) : ([6] as const);
  for (const family of families) {
    const sockets = readTcpSockets(STATES, [family]).filter(({ state }) => state !== TCP_STATE.synSent);
    const found = sockets.find(({ remote }) => isSameEndpoint(remote, client));
    if (found !== undefined) return { address: unmapAddress(found.local.address), port: found.local.port };
  }
  return undefined;
}

/** The same address, v4-mapped or not, and port. */
export function isSameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && sameAddress(unmapAddress(one.address), unmapAddress(other.address));
}

/** What Node.js says of a socket; undefined once it is closed. */
export function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  // "fe80::1%eth0": the zone does not matter here
  const parsed = parseAddress(address?.replace(/%.*/, "") ?? "");
  return parsed === undefined || port === undefined ? undefined : { address: unmapAddress(parsed), port };
}
