// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { ERRNO, errnoName, syscallError } from "../native/errno.ts";
import { NetlinkSocket } from "../native/netlink.ts";
import {
  type ConntrackEntry,
  deleteEntryRequest,
  entryFor,
  entryKey,
  newEntryRequest,
} from "./conntrack-entry.ts";
import { CONNECTED, readTcpSockets, TCP_STATE, type TcpSocket } from "./tcp-sockets.ts";

export interface Tracked {
  /** How many entries were added: connections that conntrack did not know. */
  readonly tracked: number;
  /** Why some or all connections are not known to conntrack: a sentence, without a full stop. */
  readonly note?: string;
}

/**
 * Makes conntrack know the TCP connections that exist in the network namespace of the main thread. It takes the
 * next packet of one that it does not know for the first of a new connection, and NAT rules would redirect it.
 *
 * Conntrack must be at work in the namespace already, in each family: then it learns of later connections by
 * itself. Neither a table nor a base chain sets it to work, but a rule with target REDIRECT does, also in a chain that
 * nothing jumps to (kernel 6.18, nft and legacy). The rules that redirect come after this. Connections that are
 * only forwarded here have no socket, and stay unknown.
 *
 * Throws SYSCALL_FAILED where the sockets cannot be read, netlink fails as such, or CAP_NET_ADMIN is missing.
 */
export function trackExistingConnections(): Tracked {
  const connections = readEntries();
  if (connections.size === 0) return { tracked: 0 };
  using netlink = openNetfilter();
  if (netlink === undefined) return { tracked: 0, note: WITHOUT_CTNETLINK };
  const added = add(netlink, [...connections.values()]);
  removeEnded(netlink, added.entries);
  return summarize(added.results);
}

/** The connections that exist now, by their key. */
function readEntries(): Map<string, ConntrackEntry> {
  const sockets = readTcpSockets(CONNECTED_OR_LISTENING);
  const isListener = ({ state }: TcpSocket) => state === TCP_STATE.listen;
  const ports = new Set(sockets.filter(isListener).map(({ local }) => local.port));
  const entries = sockets.filter((socket) => !isListener(socket)).map((socket) => entryFor(socket, ports));
  return new Map(entries.map((entry) => [entryKey(entry), entry]));
}

const CONNECTED_OR_LISTENING: ReadonlySet<number> = new Set([...CONNECTED, TCP_STATE.listen]);

/** As many as have room for their answers in a socket's receive buffer of the usual size, twice. */
const BATCH = 64;

interface Added {
  /** What became of each: 0 or an errno. */
  readonly results: readonly number[];
  /** Those that were not there before. */
  readonly entries: readonly ConntrackEntry[];
}

function add(netlink: NetlinkSocket, entries: readonly ConntrackEntry[]): Added {
  const idle = readIdleTimeout();
  const results: number[] = [];
  // The first one goes alone: where ctnetlink is missing, every message makes the kernel look for its module.
  for (let at = 0, size = 1; at < entries.length; at += size, size = BATCH) {
    const batch = entries.slice(at, at + size);
    results.push(...netlink.requestAll(batch.map((entry) => newEntryRequest(entry, idle))));
    if (results[0] === ERRNO.EINVAL) break;
  }
  return { results, entries: entries.filter((_, index) => results[index] === 0) };
}

/**
 * A connection may have ended after its socket was read, and before its entry was there to see that. The entry would
 * last for days, and a later connection between the same ports would be taken for the old one and not redirected.
 */
function removeEnded(netlink: NetlinkSocket, added: readonly ConntrackEntry[]): void {
  if (added.length === 0) return;
  const living = readEntries();
  const ended = added.filter((entry) => !living.has(entryKey(entry)));
  for (let at = 0; at < ended.length; at += BATCH) {
    const results = netlink.requestAll(ended.slice(at, at + BATCH).map(deleteEntryRequest));
    const failed = results.find((errno) => errno !== 0 && errno !== ERRNO.ENOENT);
    if (failed !== undefined)
      throw syscallError("removing a connection that has ended from conntrack", failed);
  }
}

const WITHOUT_CTNETLINK =
  "the kernel lacks ctnetlink (module nf_conntrack_netlink): connections that exist already may be redirected and reset";

function openNetfilter(): NetlinkSocket | undefined {
  try {
    return new NetlinkSocket("netfilter");
  } catch (cause) {
    if (cause instanceof TproxyError && cause.errno === ERRNO.EPROTONOSUPPORT) return undefined;
    throw cause;
  }
}

/** What came of adding connections: 0 or an errno for each. Where conntrack knows one already, all is well. */
export function summarize(results: readonly number[]): Tracked {
  if (results[0] === ERRNO.EINVAL) return { tracked: 0, note: WITHOUT_CTNETLINK };
  const tracked = results.filter((errno) => errno === 0).length;
  const failed = results.filter((errno) => errno !== 0 && errno !== ERRNO.EEXIST);
  if (failed.length === 0) return { tracked };
  const reasons = [...new Set(failed)].map((errno) => errnoName(errno)).join(", ");
  const what = `${failed.length} of ${results.length} connections that exist already`;
  return { tracked, note: `conntrack did not take ${what} (${reasons}): they may be redirected and reset` };
}

const IDLE_TIMEOUT = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established";

/** The kernel's own default: five days. */
const DEFAULT_IDLE_S = 432_000;

/** How many seconds conntrack remembers an established connection that sends nothing. */
function readIdleTimeout(): number {
  try {
    const seconds = Number(readFileSync(IDLE_TIMEOUT, "latin1"));
    return Number.isInteger(seconds) && seconds > 0 ? Math.min(seconds, 0xffff_ffff) : DEFAULT_IDLE_S;
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return DEFAULT_IDLE_S;
    throw new TproxyError("SYSCALL_FAILED", `cannot read ${IDLE_TIMEOUT}`, { cause });
  }
}
