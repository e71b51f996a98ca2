// Whether a server listens by now, by the kernel's account: those of others do not tell.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTcpSockets, TCP_STATE } from "../src/host/tcp-sockets.ts";
import type { Running } from "../test/support/world.ts";

const PATIENCE_MS = 20_000;
const LISTENING: ReadonlySet<number> = new Set([TCP_STATE.listen]);

/** Waits until somebody listens on all these ports in the process's network namespace, IPv4. */
export async function untilListening(server: Running, ports: readonly number[]): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(20)) {
    const { exitCode, signalCode, spawnargs } = server.child;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`${spawnargs.join(" ")} ended: ${server.stderr}`);
    const listening = listeningPorts(server.pid);
    if (ports.every((port) => listening.has(port))) return;
    if (Date.now() > deadline)
      throw new Error(`${spawnargs.join(" ")} does not listen on ${ports.join(", ")}: ${server.stderr}`);
  }
}

function listeningPorts(pid: number): ReadonlySet<number> {
  const table = readFileSync(`/proc/${pid}/net/tcp`, "utf8");
  return new Set(parseTcpSockets(table, LISTENING).map(({ local }) => local.port));
}
