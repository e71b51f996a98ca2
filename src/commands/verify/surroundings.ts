// SPDX-License-Identifier: Apache-2.0
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { type Address, type Family, formatAddress, parseAddress, parsePrefix } from "../../core/address.ts";
import { candidateAddresses, neighbourOf } from "./candidates.ts";

/** What of this host decides which connections can be tried. */
export interface Surroundings {
  /** Destinations on other hosts: those that the kernel knows a way to first, each of those without marked. */
  readonly destinations: readonly Destination[];
  /** Families in which this host has an address besides those of loopback. */
  readonly families: ReadonlySet<Family>;
}

export interface Destination {
  readonly address: Address;
  /** The kernel has a route there. Without one, iptables never sees the connection. */
  readonly routed: boolean;
}

/** Sends nothing. */
export async function readSurroundings(): Promise<Surroundings> {
  const own = ownNetworks();
  const neighbours = own.flatMap(({ address, length }) => neighbourOf(address, length) ?? []);
  const addresses = ([4, 6] as const).flatMap((family) => candidateAddresses(family, neighbours));
  const destinations: Destination[] = [];
  for (const address of addresses) destinations.push({ address, routed: await hasRoute(address) });
  return {
    destinations: destinations.toSorted((a, b) => Number(b.routed) - Number(a.routed)),
    families: new Set(own.map(({ address }) => address.family)),
  };
}

/** Without those of loopback, and without link-local ones, which need an interface beside the address. */
function ownNetworks() {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
    .flatMap(({ address, cidr }) => {
      const [parsed, prefix] = [parseAddress(address), parsePrefix(cidr ?? "")];
      return parsed === undefined || prefix === undefined ? [] : [{ address: parsed, length: prefix.length }];
    });
}

/** Discard: nothing is sent there, and no engine redirects UDP to it. */
const PORT = 9;

/** Connecting a UDP socket has the kernel look for a route, and sends nothing. */
async function hasRoute(address: Address): Promise<boolean> {
  const socket = createSocket(address.family === 4 ? "udp4" : "udp6");
  try {
    socket.connect(PORT, formatAddress(address));
    await once(socket, "connect");
    return true;
  } catch {
    // Unreachable, prohibited, no such family here: no way there, whatever the kernel calls it.
    return false;
  } finally {
    socket.close();
  }
}
