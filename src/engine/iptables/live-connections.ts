// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import { countConnectionsTo } from "../../host/tcp-sockets.ts";
import type { CommonRecord } from "../record.ts";
import { hasOurs, type Present } from "./look.ts";

/** Connections that are closed already are given some time to end. */
const TRIES = 10;
const PAUSE_MS = 50;

/**
 * How many connections that were redirected still pass through the proxy: NAT rewrites their packets as long as they
 * live. None where nothing is there that redirected them, or nobody knows the ports.
 */
export async function countLive(
  present: readonly Present[],
  record: CommonRecord | undefined,
): Promise<number> {
  if (record === undefined || !present.some(hasOurs)) return 0;
  const ports = new Set([record.outbound.port, record.inbound.port]);
  for (let attempt = 1; ; attempt++) {
    const count = countConnectionsTo(ports);
    if (count === 0 || attempt === TRIES) return count;
    await setTimeout(PAUSE_MS);
  }
}

export function noteCut(connections: number): string {
  const which = connections === 1 ? "1 connection that" : `${connections} connections that`;
  return `${which} the rules had redirected to the proxy ended with them`;
}
