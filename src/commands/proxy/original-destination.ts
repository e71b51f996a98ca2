// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import { endianness, networkInterfaces } from "node:os";
import { type Address, isLoopback, parseAddress, sameAddress, unmapAddress } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import { errnoName } from "../../native/errno.ts";
import { getsockopt } from "../../native/sockets.ts";
import { descriptorOf } from "./socket-descriptor.ts";

export interface Endpoint {
  readonly address: Address;
  /** 1–65535. */
  readonly port: number;
}

/** linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: one number, two levels. */
const SO_ORIGINAL_DST = 80;
const SOL_IP = 0;
const SOL_IPV6 = 41;
const SOCKADDR_IN_SIZE = 16;
const SOCKADDR_IN6_SIZE = 28;
const AF_INET = 2;
const AF_INET6 = 10;

/**
 * Where a redirected connection was going before it was redirected: the kernel's answer to SO_ORIGINAL_DST.
 * The IPv4 question is also the one for an IPv4 connection on an AF_INET6 socket.
 *
 * @throws TproxyError PROXY_FAILED where the kernel knows of none: the connection was not redirected.
 */
export function readOriginalDestination(socket: Socket): Endpoint {
  const fd = descriptorOf(socket);
  const client = clientAddress(socket);
  if (fd === undefined || client === undefined) throw new TproxyError("PROXY_FAILED", "the client has gone");
  const [level, size] = client.family === 4 ? [SOL_IP, SOCKADDR_IN_SIZE] : [SOL_IPV6, SOCKADDR_IN6_SIZE];
  try {
    return decodeSocketAddress(getsockopt(fd, level, SO_ORIGINAL_DST, size));
  } catch (cause) {
    if (!(cause instanceof TproxyError) || cause.errno === undefined) throw cause;
    throw new TproxyError("PROXY_FAILED", `${NOT_REDIRECTED} (SO_ORIGINAL_DST: ${errnoName(cause.errno)})`, {
      cause,
    });
  }
}

const NOT_REDIRECTED = "it was not redirected, but made straight to the proxy's port";

/** The other end of an accepted connection; a v4-mapped address as IPv4. Undefined once it is closed. */
export function clientAddress(socket: Socket): Address | undefined {
  // "fe80::1%eth0": the zone does not matter here
  const address = parseAddress(socket.remoteAddress?.replace(/%.*/, "") ?? "");
  return address && unmapAddress(address);
}

/**
 * Reads a `struct sockaddr_in` or `sockaddr_in6`: the family in host byte order, port and address in network
 * byte order, at offsets 2 and 4 (IPv4) or 2 and 8 (IPv6).
 *
 * @throws TproxyError PROXY_FAILED where it is neither.
 */
export function decodeSocketAddress(bytes: Uint8Array): Endpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = bytes.length < 2 ? 0 : view.getUint16(0, endianness() === "LE");
  if (family === AF_INET && bytes.length >= SOCKADDR_IN_SIZE) {
    return { address: { family: 4, bytes: copyOf(bytes.subarray(4, 8)) }, port: view.getUint16(2) };
  }
  if (family === AF_INET6 && bytes.length >= SOCKADDR_IN6_SIZE) {
    return {
      address: unmapAddress({ family: 6, bytes: copyOf(bytes.subarray(8, 24)) }),
      port: view.getUint16(2),
    };
  }
  throw new TproxyError("PROXY_FAILED", `SO_ORIGINAL_DST says family ${family} in ${bytes.length} bytes`);
}

/** Not by `slice`: a Buffer's is a view of the same memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

/**
 * Passing the connection on to there would bring it back: the destination is one of the proxy's own ports on
 * this host. What iptables says of a connection that was not redirected at all looks the same.
 *
 * @throws TproxyError PROXY_FAILED if so.
 */
export function refuseLoop(destination: Endpoint, ownPorts: readonly number[]): void {
  if (!ownPorts.includes(destination.port) || !isLocal(destination.address)) return;
  throw new TproxyError("PROXY_FAILED", `${NOT_REDIRECTED} (its destination is the proxy)`);
}

/** Asks the host each time: addresses come and go, and hardly any connection gets here. */
function isLocal(address: Address): boolean {
  if (isLoopback(address) || address.bytes.every((byte) => byte === 0)) return true;
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .some((entry) => {
      const own = parseAddress(entry.address);
      return own !== undefined && sameAddress(own, address);
    });
}
