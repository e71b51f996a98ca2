// SPDX-License-Identifier: Apache-2.0
import type { NetlinkRequest, NetlinkSocket } from "./netlink.ts";
import {
  AF,
  type DiagnosedSocket,
  decode,
  REQUEST_SIZE,
  SOCK_DIAG_BY_FAMILY,
  writeUint32,
} from "./sock-diag.ts";

/* <linux/sock_diag.h> and <linux/inet_diag.h>, for UDP. It would tell what BPF has stored for a socket of TCP only. */

const SOCK_DESTROY = 21;
const IPPROTO_UDP = 17;
/** `struct inet_diag_sockid`, in a request and in a message. */
const ID_SIZE = 48;
const ID_IN_REQUEST = 8;
const ID_IN_MESSAGE = 4;

export interface UdpQuery {
  /** Bits: 1 << 1 for connected sockets, 1 << 7 for the others. */
  readonly states: number;
  /** Of the remote end (1–65535); 0: any. */
  readonly remotePort: number;
}

export interface DiagnosedUdpSocket extends DiagnosedSocket {
  /** `struct inet_diag_sockid`: no other socket has the same, in this boot. */
  readonly id: Uint8Array;
}

/**
 * The UDP sockets of a family that the query asks for, in this thread's network namespace.
 *
 * Throws SYSCALL_FAILED: ENOENT where the kernel has no udp_diag.
 */
export function dumpUdpSockets(
  netlink: NetlinkSocket,
  family: 4 | 6,
  { states, remotePort }: UdpQuery,
): DiagnosedUdpSocket[] {
  const body = request(family);
  writeUint32(body, states, 4);
  body.writeUInt16BE(remotePort, ID_IN_REQUEST + 2);
  return netlink.dump(SOCK_DIAG_BY_FAMILY, body).map((message) => decodeUdp(message, family));
}

/**
 * The request that has the kernel take a socket's connection from it: it gets ECONNABORTED. Answered with ENOENT where it
 * has gone or is no longer connected so, EOPNOTSUPP where the kernel cannot (CONFIG_INET_DIAG_DESTROY).
 */
export function destroyUdpRequest(family: 4 | 6, id: Uint8Array): NetlinkRequest {
  const body = request(family);
  body.set(id, ID_IN_REQUEST);
  return { type: SOCK_DESTROY, flags: 0, body };
}

function request(family: 4 | 6): Buffer {
  const body = Buffer.alloc(REQUEST_SIZE);
  body.writeUInt8(AF[family], 0);
  body.writeUInt8(IPPROTO_UDP, 1);
  return body;
}

function decodeUdp(message: Buffer, family: 4 | 6): DiagnosedUdpSocket {
  return {
    ...decode(message, family),
    id: Uint8Array.from(message.subarray(ID_IN_MESSAGE, ID_IN_MESSAGE + ID_SIZE)),
  };
}
