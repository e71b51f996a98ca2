// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import { type Address, type Family, isLoopback, unmapAddress } from "../core/address.ts";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { NetlinkSocket } from "../native/netlink.ts";
import { type DiagnosedSocket, dumpTcpSockets } from "../native/sock-diag.ts";

/** The tables of TCP sockets: of the network namespace of the main thread. */
const TCP_TABLES = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"] as const;

/** The states of a TCP socket, as include/net/tcp_states.h of the kernel numbers them. */
export const TCP_STATE = {
  established: 1,
  synSent: 2,
  synReceived: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  closed: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
} as const;

/** The states in which there is a connection, also one that is only being made or being closed. */
export const CONNECTED: ReadonlySet<number> = new Set([
  TCP_STATE.established,
  TCP_STATE.synSent,
  TCP_STATE.synReceived,
  TCP_STATE.finWait1,
  TCP_STATE.finWait2,
  TCP_STATE.closeWait,
  TCP_STATE.lastAck,
  TCP_STATE.closing,
]);

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

export interface TcpSocket {
  /** One of TCP_STATE, or a newer kernel's. */
  readonly state: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly uid: number;
  /** 0 where no process holds it: not accepted yet, or closed and not through with it. */
  readonly inode: number;
  /** What waits to be received: bytes, or of a listener, connections that nobody has accepted yet. */
  readonly waiting: number;
  /** The inode of its cgroup2's directory; undefined where the kernel does not tell. */
  readonly cgroupId: bigint | undefined;
  /** Of a listener of IPv6: it takes no IPv4. Undefined of all others, and where the kernel does not tell. */
  readonly isIpv6Only?: boolean | undefined;
}

/**
 * The sockets in one of the states, as they are: an IPv6 socket may have v4-mapped addresses. Ladder:
 * 1. inet_diag, which looks at no others;
 * 2. /proc/net/tcp of both families, of which a line may be missed while others come and go.
 */
export function readTcpSockets(
  states: ReadonlySet<number>,
  families: readonly Family[] = [4, 6],
): TcpSocket[] {
  return diagnose(states, families) ?? TCP_TABLES.flatMap((path) => parseTcpSockets(readTable(path), states));
}

/** Undefined where the kernel has no inet_diag, or does not answer us. */
function diagnose(states: ReadonlySet<number>, families: readonly Family[]): TcpSocket[] | undefined {
  try {
    using netlink = new NetlinkSocket("sock_diag");
    return families.flatMap((family) =>
      dumpTcpSockets(netlink, family, states).map((socket) => toTcpSocket(socket, family)),
    );
  } catch (error) {
    if (error instanceof TproxyError && error.code === "SYSCALL_FAILED") return undefined;
    throw error;
  }
}

function toTcpSocket(socket: DiagnosedSocket, family: Family): TcpSocket {
  const { state, source, destination, uid, inode, receiveQueue, cgroupId, isIpv6Only } = socket;
  const endpoint = ({ bytes, port }: DiagnosedSocket["source"]) => ({ address: { family, bytes }, port });
  return {
    state,
    local: endpoint(source),
    remote: endpoint(destination),
    uid,
    inode,
    waiting: receiveQueue,
    cgroupId,
    isIpv6Only,
  };
}

/**
 * How many connections from other than loopback addresses end at a socket here with one of these local ports, accepted or
 * about to be. With the ports of the proxy: how many it has that NAT redirected. (What the eBPF engine sends there comes
 * from loopback.)
 */
export function countConnectionsTo(ports: ReadonlySet<number>): number {
  return readTcpSockets(CONNECTED).filter(
    ({ state, local, remote }) =>
      state !== TCP_STATE.synSent && ports.has(local.port) && !isLoopback(unmapAddress(remote.address)),
  ).length;
}

/**
 * Reads the lines of /proc/net/tcp or tcp6 whose socket is in one of the states. An address stands there as 32-bit
 * words, each printed as a number of this machine: the bytes of a word are in host order, the words in network order.
 */
export function parseTcpSockets(
  text: string,
  states: ReadonlySet<number>,
  byteOrder: "LE" | "BE" = endianness(),
): TcpSocket[] {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => states.has(stateOf(row))).map((row) => parseRow(row, byteOrder));
}

/** The state of a line that was cut into words. NaN for the headline. */
function stateOf(row: readonly string[]): number {
  const [, , , state = ""] = row;
  return /^[0-9A-F]{2}$/.test(state) ? Number.parseInt(state, 16) : Number.NaN;
}

function parseRow(row: readonly string[], byteOrder: "LE" | "BE"): TcpSocket {
  const [, here = "", there = "", , queues = "", , , uid, , inode] = row;
  const local = parseEndpoint(here, byteOrder);
  const remote = parseEndpoint(there, byteOrder);
  if (local === undefined || remote === undefined || !isNumber(uid) || !isNumber(inode)) {
    throw new TproxyError("INTERNAL", `cannot read a line of /proc/net/tcp: ${row.join(" ")}`);
  }
  const waiting = Number.parseInt(queues.split(":")[1] ?? "0", 16);
  const numbers = { uid: Number(uid), inode: Number(inode), waiting };
  return { state: stateOf(row), local, remote, ...numbers, cgroupId: undefined };
}

function parseEndpoint(text: string, byteOrder: "LE" | "BE"): Endpoint | undefined {
  const [, words, port] = /^((?:[0-9A-F]{8}|[0-9A-F]{32})):([0-9A-F]{4})$/.exec(text) ?? [];
  if (words === undefined || port === undefined) return undefined;
  return { address: parseWords(words, byteOrder), port: Number.parseInt(port, 16) };
}

function parseWords(hex: string, byteOrder: "LE" | "BE"): Address {
  const bytes = Buffer.from(hex, "hex");
  if (byteOrder === "LE") bytes.swap32();
  return { family: bytes.length === 4 ? 4 : 6, bytes: Uint8Array.from(bytes) };
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && /^[0-9]+$/.test(text);
}

function readTable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (cause) {
    return missingTable(path, cause);
  }
}

/** Without IPv6 there is no tcp6: an empty table. Throws SYSCALL_FAILED for any other reason. */
export function missingTable(path: string, cause: unknown): string {
  if (systemErrorCode(cause) === "ENOENT") return "";
  throw new TproxyError("SYSCALL_FAILED", `cannot read the TCP sockets (${path})`, { cause });
}
