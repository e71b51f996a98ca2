// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import type { Family } from "../core/address.ts";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { ERRNO } from "../native/errno.ts";
import { type NetlinkRequest, NetlinkSocket } from "../native/netlink.ts";
import { type DiagnosedUdpSocket, destroyUdpRequest, dumpUdpSockets } from "../native/udp-diag.ts";
import { type Endpoint, parseTcpSockets } from "./tcp-sockets.ts";

/** The tables of UDP sockets: of the network namespace of the main thread. Their lines are like those of TCP. */
const UDP_TABLES = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"] as const;

/** A connected UDP socket has the state of an established connection, any other that of a closed one. */
const STATE = { connected: 1, unconnected: 7 } as const;

export interface UdpSocket {
  readonly local: Endpoint;
  /** Port 0: it is not connected. */
  readonly remote: Endpoint;
  /** Of whoever made it. */
  readonly uid: number;
  /** 0 where no process holds it. */
  readonly inode: number;
  /** The inode of its cgroup2's directory; undefined where the kernel does not tell. */
  readonly cgroupId: bigint | undefined;
  /** For `disconnectUdpSockets`; undefined where inet_diag does not know it. */
  readonly handle: { readonly family: Family; readonly id: Uint8Array } | undefined;
}

/**
 * The connected UDP sockets whose remote end has this port, of both families, as they are: an IPv6 socket may have
 * v4-mapped addresses. Ladder:
 * 1. udp_diag;
 * 2. /proc/net/udp, which knows nothing of cgroups.
 *
 * @param port 1–65535; 0: any
 */
export function readConnectedUdp(port: number): UdpSocket[] {
  const found = diagnose({ remotePort: port, states: 1 << STATE.connected });
  return (
    found ?? readTables(new Set([STATE.connected])).filter(({ remote }) => [0, remote.port].includes(port))
  );
}

/** All UDP sockets that have a port, of both families. The ladder is that of `readConnectedUdp`. */
export function readAllUdp(): UdpSocket[] {
  const states = [STATE.connected, STATE.unconnected];
  const mask = states.reduce((bits, state) => bits | (1 << state), 0);
  return diagnose({ remotePort: 0, states: mask }) ?? readTables(new Set(states));
}

/** As many as have room for their answers in a socket's receive buffer of the usual size, twice. */
const BATCH = 64;

/**
 * Takes their connection from UDP sockets. What waits for an answer gets ECONNABORTED at once, and so does the next that
 * asks for one; a query that is sent gets EDESTADDRREQ. Such a socket can be connected again (SOCK_DESTROY, Linux 4.9).
 *
 * @returns what became of each: 0 or an errno. ENOENT: it has gone, or another one was found in its place; EOPNOTSUPP:
 *   the kernel cannot; EPERM: CAP_NET_ADMIN is missing
 */
export function disconnectUdpSockets(sockets: readonly UdpSocket[]): number[] {
  if (!sockets.some(({ handle }) => handle !== undefined)) return sockets.map(() => ERRNO.EOPNOTSUPP);
  using netlink = new NetlinkSocket("sock_diag");
  const results: number[] = [];
  for (let at = 0; at < sockets.length; at += BATCH) {
    const handles = sockets
      .slice(at, at + BATCH)
      .flatMap(({ handle }) => (handle === undefined ? [] : [handle]));
    results.push(
      ...requestAll(
        netlink,
        handles.map(({ family, id }) => destroyUdpRequest(family, id)),
      ),
    );
  }
  return results;
}

function requestAll(netlink: NetlinkSocket, requests: readonly NetlinkRequest[]): number[] {
  try {
    return netlink.requestAll(requests);
  } catch (error) {
    if (error instanceof TproxyError && error.errno === ERRNO.EPERM) return requests.map(() => ERRNO.EPERM);
    throw error;
  }
}

/** Undefined where the kernel has no udp_diag, or does not answer us. */
function diagnose(query: Parameters<typeof dumpUdpSockets>[2]): UdpSocket[] | undefined {
  try {
    using netlink = new NetlinkSocket("sock_diag");
    return ([4, 6] as const).flatMap((family) =>
      dumpUdpSockets(netlink, family, query).map((socket) => toUdpSocket(socket, family)),
    );
  } catch (error) {
    if (error instanceof TproxyError && error.code === "SYSCALL_FAILED") return undefined;
    throw error;
  }
}

function toUdpSocket(socket: DiagnosedUdpSocket, family: Family): UdpSocket {
  const { source, destination, uid, inode, cgroupId, id } = socket;
  const endpoint = ({ bytes, port }: DiagnosedUdpSocket["source"]) => ({ address: { family, bytes }, port });
  return {
    local: endpoint(source),
    remote: endpoint(destination),
    uid,
    inode,
    cgroupId,
    handle: { family, id },
  };
}

function readTables(states: ReadonlySet<number>): UdpSocket[] {
  return UDP_TABLES.flatMap((path) => parseTcpSockets(readTable(path), states)).map(
    ({ local, remote, uid, inode }) => ({
      local,
      remote,
      uid,
      inode,
      cgroupId: undefined,
      handle: undefined,
    }),
  );
}

/** Without IPv6 there is no udp6: an empty table. */
function readTable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return "";
    throw new TproxyError("SYSCALL_FAILED", `cannot read the UDP sockets (${path})`, { cause });
  }
}
