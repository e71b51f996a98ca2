// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import { countConnectionsTo } from "../../host/tcp-sockets.ts";
import type { CommonRecord } from "../record.ts";
import { redirectedPorts } from "./keep-connections.ts";
import { hasOurs, type Present } from "./look.ts";

/** Connections that are closed already are given some time to end. */
const TRIES = 10;
const PAUSE_MS = 50;

/**
 * How many connections that were redirected still pass through the proxy: NAT rewrites their packets as long as they
 * live. None where nothing is there that redirected them.
 */
export async function countLive(
  present: readonly Present[],
  record: CommonRecord | undefined,
): Promise<number> {
  if (!present.some(hasOurs)) return 0;
  const ports = portsOf(present, record);
  for (let attempt = 1; ; attempt++) {
    const count = countConnectionsTo(ports);
    if (count === 0 || attempt === TRIES) return count;
    await setTimeout(PAUSE_MS);
  }
}

/** The ports of the proxy that connections were redirected to: now, or by rules that are gone. */
export function portsOf(present: readonly Present[], record: CommonRecord | undefined): ReadonlySet<number> {
  const recorded = record === undefined ? [] : [record.outbound.port, record.inbound.port];
  return new Set([...recorded, ...present.flatMap(redirectedPorts)]);
}

export function noteCut(connections: number): string {
  const which = connections === 1 ? "1 connection that" : `${connections} connections that`;
  return `${which} the rules had redirected to the proxy ended with them`;
}
