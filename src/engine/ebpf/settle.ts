// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import { CONNECTED, readTcpSockets, TCP_STATE, type TcpSocket } from "../../host/tcp-sockets.ts";
import type { InstanceRecord } from "./record.ts";

/** Where connections come without pause, there is always one under way: none is older than this. */
const PATIENCE_MS = 500;
const PAUSE_MS = 20;

/** From accept to SO_ORIGINAL_DST it is one turn of the proxy's loop. */
const GRACE_MS = 150;

/**
 * Waits until the proxy has been told where the connections were going that are being made: nothing is redirected any more,
 * and what answers it is about to go. Until no handshake is under way and no connection waits to be accepted, and a
 * moment more. At once where there is no connection at all.
 */
export async function settle({ outbound, inbound }: InstanceRecord): Promise<void> {
  const ports = new Set([outbound.port, inbound.port]);
  const states = new Set([...CONNECTED, TCP_STATE.listen]);
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const sockets = readTcpSockets(states);
    if (!sockets.some(({ state }) => state !== TCP_STATE.listen)) return;
    if (!sockets.some((socket) => isUnderWay(socket, ports)) || performance.now() > deadline) break;
    await setTimeout(PAUSE_MS);
  }
  await setTimeout(GRACE_MS);
}

function isUnderWay({ state, local, waiting }: TcpSocket, ports: ReadonlySet<number>): boolean {
  if (state === TCP_STATE.listen) return ports.has(local.port) && waiting > 0;
  return state === TCP_STATE.synReceived || state === TCP_STATE.synSent;
}
