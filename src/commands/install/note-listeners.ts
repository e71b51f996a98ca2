// SPDX-License-Identifier: Apache-2.0
import { formatEndpoint } from "../../core/address.ts";
import type { ListenerFact } from "../../core/facts.ts";
import type { InstallReport } from "../../engine/engine.ts";
import type { Plan } from "../../plan/plan.ts";
import type { CommandIo } from "../io.ts";

/**
 * Says who listens on the proxy's ports. A proxy that is not there yet is worth a word: until then nothing works, or nothing
 * is intercepted. So is one of another user: whoever listens there gets the connections of all, and if it is the proxy
 * after all, its own connections come back to it.
 */
export function noteListeners({ listeners }: InstallReport, plan: Plan, io: CommandIo): void {
  for (const [direction, { redirect, port }] of [
    ["outbound", plan.outbound] as const,
    ["inbound", plan.inbound] as const,
  ]) {
    if (!redirect) continue;
    const found = listeners.filter((each) => each.port === port);
    const where = found.map((each) => formatEndpoint(each.address, port));
    if (where.length > 0) io.note(`# ${direction}: the proxy listens on ${[...new Set(where)].join(", ")}`);
    else {
      const what = plan.whenProxyDown === "bypass" ? "go where they want" : "are refused";
      io.note(`# ${direction}: nothing listens on port ${port} yet; until then these connections ${what}`);
    }
    noteStrangers(found, port, plan, io);
  }
}

function noteStrangers(
  found: readonly ListenerFact[],
  port: number,
  { proxyUser }: Plan,
  io: CommandIo,
): void {
  const strangers = new Set(found.map(({ uid }) => uid).filter((uid) => uid !== proxyUser.uid));
  if (strangers.size === 0) return;
  io.note(
    `warning: what listens on port ${port} is of user ${[...strangers].join(", ")}, not of the proxy's user ${proxyUser.uid}: ` +
      "it gets these connections. If it is the proxy, name its user with --kuma-dp-user; if not, end it",
  );
}
