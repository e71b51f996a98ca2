// SPDX-License-Identifier: Apache-2.0
import type { ListenerFact } from "../core/facts.ts";
import { readTcpSockets, TCP_STATE } from "./tcp-sockets.ts";

/** The TCP listeners on one of the ports, of both families, in the network namespace of the main thread. */
export function findListeners(ports: ReadonlySet<number>): ListenerFact[] {
  return readListeners().filter(({ port }) => ports.has(port));
}

/** Those of one user, on whatever port. */
export function findUserListeners(wanted: number): ListenerFact[] {
  return readListeners().filter(({ uid }) => uid === wanted);
}

/**
 * Not from /proc/net/tcp while inet_diag answers: that walks the table of all connections of the machine each time, which
 * takes longer than all else that an installation does.
 */
function readListeners(): ListenerFact[] {
  return readTcpSockets(LISTENING).map(({ local, uid, inode }) => ({ ...local, uid, inode }));
}

const LISTENING: ReadonlySet<number> = new Set([TCP_STATE.listen]);
