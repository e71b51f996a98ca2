// SPDX-License-Identifier: Apache-2.0
import { endianness } from "node:os";
import type { NetlinkSocket } from "./netlink.ts";
import { readAttributes } from "./netlink-attributes.ts";

/* <linux/sock_diag.h> and <linux/inet_diag.h>: numbers in host order, but for addresses and ports. */

export const SOCK_DIAG_BY_FAMILY = 20;
const IPPROTO_TCP = 6;
export const AF = { 4: 2, 6: 10 } as const;
/** `struct inet_diag_req_v2`. */
export const REQUEST_SIZE = 56;

/** What is used of `struct inet_diag_msg`. */
export interface DiagnosedSocket {
  readonly state: number;
  readonly source: { readonly bytes: Uint8Array; readonly port: number };
  readonly destination: { readonly bytes: Uint8Array; readonly port: number };
  readonly receiveQueue: number;
  readonly uid: number;
  readonly inode: number;
  /** The id of its cgroup2, which is the inode of the directory. Undefined before Linux 5.8. */
  readonly cgroupId: bigint | undefined;
  /** Of a listener of IPv6: it takes no IPv4 (IPV6_V6ONLY). Undefined of all others. */
  readonly isIpv6Only: boolean | undefined;
}

/**
 * The TCP sockets of a family that are in one of the states, in this thread's network namespace. Others, of which there may
 * be many, are not even looked at: all comes in one piece, and is not missed while connections come and go.
 *
 * Throws SYSCALL_FAILED: ENOENT where the kernel has no inet_diag.
 */
export function dumpTcpSockets(
  netlink: NetlinkSocket,
  family: 4 | 6,
  states: ReadonlySet<number>,
): DiagnosedSocket[] {
  const body = Buffer.alloc(REQUEST_SIZE);
  body.writeUInt8(AF[family], 0);
  body.writeUInt8(IPPROTO_TCP, 1);
  writeUint32(
    body,
    [...states].reduce((mask, state) => mask | (1 << state), 0),
    4,
  );
  return netlink.dump(SOCK_DIAG_BY_FAMILY, body).map((message) => decode(message, family));
}

export function decode(message: Buffer, family: 4 | 6): DiagnosedSocket {
  const length = family === 4 ? 4 : 16;
  const attributes = readAttributes(message.subarray(MESSAGE_SIZE));
  const [cgroupId, ipv6Only] = [INET_DIAG_CGROUP_ID, INET_DIAG_SKV6ONLY].map((type) => attributes.get(type));
  return {
    state: message.readUInt8(1),
    source: { bytes: Uint8Array.from(message.subarray(8, 8 + length)), port: message.readUInt16BE(4) },
    destination: { bytes: Uint8Array.from(message.subarray(24, 24 + length)), port: message.readUInt16BE(6) },
    receiveQueue: readUint32(message, 56),
    uid: readUint32(message, 64),
    inode: readUint32(message, 68),
    cgroupId: cgroupId && readUint64(cgroupId),
    isIpv6Only: ipv6Only && ipv6Only.readUInt8(0) !== 0,
  };
}

/** Where `struct inet_diag_msg` ends, and the attributes begin. */
const MESSAGE_SIZE = 72;
const INET_DIAG_SKV6ONLY = 11;
const INET_DIAG_CGROUP_ID = 21;

function readUint64(buffer: Buffer): bigint {
  return endianness() === "LE" ? buffer.readBigUInt64LE(0) : buffer.readBigUInt64BE(0);
}

export function readUint32(buffer: Buffer, offset: number): number {
  return endianness() === "LE" ? buffer.readUInt32LE(offset) : buffer.readUInt32BE(offset);
}

export function writeUint32(buffer: Buffer, value: number, offset: number): void {
  if (endianness() === "LE") buffer.writeUInt32LE(value, offset);
  else buffer.writeUInt32BE(value, offset);
}
