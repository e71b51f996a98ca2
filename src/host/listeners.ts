// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import type { Address } from "../core/address.ts";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import type { ListenerFact } from "../core/facts.ts";

/** The TCP listeners on one of the ports, of both families, in the network namespace of the main thread. */
export function findListeners(ports: ReadonlySet<number>): ListenerFact[] {
  const text = ["tcp", "tcp6"].map((name) => readListening(`/proc/thread-self/net/${name}`));
  return text.flatMap((table) => parseListeners(table)).filter(({ port }) => ports.has(port));
}

/** The state TCP_LISTEN in the fourth column. */
const LISTEN = "0A";

/**
 * Reads /proc/net/tcp or tcp6: the sockets in state LISTEN. An address stands there as 32-bit words, each
 * printed as a number of this machine: the bytes of a word are in host order, the words in network order.
 */
export function parseListeners(text: string, byteOrder: "LE" | "BE" = endianness()): ListenerFact[] {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.filter(([, , , state]) => state === LISTEN).map((row) => parseRow(row, byteOrder));
}

function parseRow(row: readonly string[], byteOrder: "LE" | "BE"): ListenerFact {
  const [, local = "", , , , , , uid, , inode] = row;
  const [, words, port] = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(local) ?? [];
  if (words === undefined || port === undefined || !isNumber(uid) || !isNumber(inode)) {
    throw new TproxyError("INTERNAL", `cannot read a line of /proc/net/tcp: ${row.join(" ")}`);
  }
  const address = parseWords(words, byteOrder);
  return { address, port: Number.parseInt(port, 16), uid: Number(uid), inode: Number(inode) };
}

function parseWords(hex: string, byteOrder: "LE" | "BE"): Address {
  const bytes = Buffer.from(hex, "hex");
  if (byteOrder === "LE") bytes.swap32();
  return { family: bytes.length === 4 ? 4 : 6, bytes: Uint8Array.from(bytes) };
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && /^[0-9]+$/.test(text);
}

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
    // Without IPv6 there is no tcp6.
    if (systemErrorCode(cause) === "ENOENT") return "";
    throw new TproxyError("SYSCALL_FAILED", `cannot read the TCP sockets (${path})`, { cause });
  }
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

function endsInConnections(text: string): boolean {
  const last = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1)?.trim().split(/\s+/);
  return last !== undefined && last[0] !== "sl" && last[3] !== LISTEN;
}
