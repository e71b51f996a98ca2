// SPDX-License-Identifier: Apache-2.0
import type { Decision } from "./decide-result.ts";
import type { Plan } from "./plan.ts";

/** "unanswered": whoever asked waits until it gives up. */
export type WithoutProxy = "refused" | "untouched" | "unanswered";

/**
 * What becomes of what a decision sends to the proxy, while nobody listens there. Undefined for what does not go there.
 *
 * A query is a datagram. With eBPF, whoever sends it from a connected socket is told that nobody is there; anybody else, and
 * with iptables everybody, is told nothing.
 * Virtual networks are the work of rules of iptables with either engine, which cannot know whether anybody listens.
 */
export function decideWithoutProxy(
  { whenProxyDown }: Pick<Plan, "whenProxyDown">,
  { result, rule }: Decision,
): WithoutProxy | undefined {
  if (result === "untouched" || result === "refused") return undefined;
  if (whenProxyDown === "bypass" && rule !== "virtual-network") return "untouched";
  return result === "dns" ? "unanswered" : "refused";
}
