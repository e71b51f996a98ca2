// SPDX-License-Identifier: Apache-2.0
import { type Family, formatPrefix } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import type { InterfaceFact, LocalRouteFact } from "../core/facts.ts";
import { ERRNO } from "../native/errno.ts";
import { NetlinkSocket } from "../native/netlink.ts";
import {
  type Link,
  type LinkAddress,
  type Route,
  RT_TABLE_LOCAL,
  RTN,
  readAddresses,
  readLinks,
  readRoutes,
} from "../native/rtnetlink.ts";

export interface NetworkFacts {
  readonly interfaces: readonly InterfaceFact[];
  readonly localRoutes: readonly LocalRouteFact[];
}

/**
 * The interfaces of the main thread's network namespace, their addresses (tentative ones too) and what the routing
 * table `local` delivers there. From rtnetlink, not from /sys/class/net, which shows the namespace that it was mounted
 * in, and not from `ip`, which may need a libbpf that is not there.
 *
 * @throws TproxyError SYSCALL_FAILED, also where something changes all the time
 */
export function readNetwork(): NetworkFacts {
  using netlink = new NetlinkSocket("route");
  netlink.filterDumps();
  const links = readLinks(netlink);
  const interfaces = toInterfaces(links, readAddresses(netlink));
  const routes = [...readLocalTable(netlink, 4), ...readLocalTable(netlink, 6)];
  return { interfaces, localRoutes: toLocalRoutes(routes) };
}

/** In the order of their indexes. An address whose interface was not there yet, or is gone, is left out. */
export function toInterfaces(links: readonly Link[], addresses: readonly LinkAddress[]): InterfaceFact[] {
  const byIndex = Map.groupBy(addresses, ({ index }) => index);
  return links
    .toSorted((a, b) => a.index - b.index)
    .map((link) => ({ ...link, addresses: (byIndex.get(link.index) ?? []).map(({ address }) => address) }));
}

/**
 * Every prefix once: several interfaces may have the same one. Multicast and whatever else is in there is left out.
 */
export function toLocalRoutes(routes: readonly Route[]): LocalRouteFact[] {
  const unique = new Map<string, LocalRouteFact>();
  for (const { type, prefix } of routes) {
    const kind = kindOf(type);
    if (kind !== undefined) unique.set(`${kind} ${formatPrefix(prefix)}`, { prefix, kind });
  }
  return [...unique.values()];
}

function kindOf(type: number): LocalRouteFact["kind"] | undefined {
  if (type === RTN.local) return "local";
  if (type === RTN.broadcast) return "broadcast";
  return type === RTN.anycast ? "anycast" : undefined;
}

/** A namespace that never had an address has no such table: its loopback interface is down. */
function readLocalTable(netlink: NetlinkSocket, family: Family): Route[] {
  try {
    return readRoutes(netlink, family, RT_TABLE_LOCAL);
  } catch (error) {
    if (error instanceof TproxyError && error.errno === ERRNO.ENOENT) return [];
    throw error;
  }
}
