// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "../config/config.ts";

/** What becomes of a connection or a query. "refused": by the kernel, before any engine is asked. */
export const RESULTS = ["untouched", "outbound", "inbound", "dns", "refused"] as const;
export type Result = (typeof RESULTS)[number];

export interface Decision {
  readonly result: Result;
  /** The proxy's port that it goes to (1–65535); undefined where it goes to none. */
  readonly port: number | undefined;
  /** The rule that decided: a short name that does not change, for programs. */
  readonly rule: RuleName;
  /** The rule in words. */
  readonly reason: string;
  /** The setting that made the rule; undefined: it is always there. */
  readonly setting: SettingKey | undefined;
}

export const RULE_NAMES = [
  "broadcast",
  "multicast",
  "loopback-from-outside",
  "ipv6-left-alone",
  "excluded-user",
  "excluded-destination",
  "excluded-source",
  "excluded-port",
  "included-port",
  "port-not-included",
  "dns-over-tcp",
  "direction-disabled",
  "passthrough",
  "own-application",
  "inbound-disabled",
  "local",
  "proxy",
  "from-here",
  "other-interface",
  "other-address",
  "virtual-network",
  "forwarded",
  "dns-disabled",
  "not-dns",
  "other-server",
  "name-server",
  "all-dns",
  "all-outbound",
  "all-inbound",
] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/** A rule that may decide: undefined where it says nothing of this connection. */
export type Rule<T> = (asked: T) => Decision | undefined;

/** The first rule that says something decides. The last one has to. */
export function firstOf<T>(rules: readonly Rule<T>[], asked: T): Decision {
  for (const rule of rules) {
    const decision = rule(asked);
    if (decision !== undefined) return decision;
  }
  throw new Error("no rule decided");
}

export function leaveAlone(rule: RuleName, reason: string, setting?: SettingKey): Decision {
  return { result: "untouched", port: undefined, rule, reason, setting };
}

export function refuse(rule: RuleName, reason: string): Decision {
  return { result: "refused", port: undefined, rule, reason, setting: undefined };
}

export function sendTo(
  result: "outbound" | "inbound" | "dns",
  port: number,
  rule: RuleName,
  reason: string,
  setting?: SettingKey,
): Decision {
  return { result, port, rule, reason, setting };
}
