// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import type { ListenerFact } from "../core/facts.ts";
import { missingTable, parseTcpSockets, TCP_STATE, TCP_TABLES } from "./tcp-sockets.ts";

/** The TCP listeners on one of the ports, of both families, in the network namespace of the main thread. */
export function findListeners(ports: ReadonlySet<number>): ListenerFact[] {
  return readListeners().filter(({ port }) => ports.has(port));
}

/** Those of one user, on whatever port. */
export function findUserListeners(wanted: number): ListenerFact[] {
  return readListeners().filter(({ uid }) => uid === wanted);
}

function readListeners(): ListenerFact[] {
  return TCP_TABLES.map(readListening).flatMap((table) => parseListeners(table));
}

/** Reads /proc/net/tcp or tcp6: the sockets in state LISTEN. */
export function parseListeners(text: string, byteOrder: "LE" | "BE" = endianness()): ListenerFact[] {
  return parseTcpSockets(text, LISTENING, byteOrder).map(({ local, uid, inode }) => ({
    ...local,
    uid,
    inode,
  }));
}

const LISTENING: ReadonlySet<number> = new Set([TCP_STATE.listen]);

/** The first part of the table: the kernel lists all listeners before the connections, of which there may be many. */
function readListening(path: string): string {
  const chunk = Buffer.alloc(64 * 1024);
  let text = "";
  try {
    const fd = openSync(path, "r");
    try {
      for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) {
        text += chunk.toString("latin1", 0, size);
        if (endsInConnections(text)) break;
      }
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    return missingTable(path, cause);
  }
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

function endsInConnections(text: string): boolean {
  const last = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1)?.trim().split(/\s+/);
  return last !== undefined && last[0] !== "sl" && last[3] !== "0A";
}
