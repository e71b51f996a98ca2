// SPDX-License-Identifier: Apache-2.0
import type { Prefix } from "../../core/address.ts";
import { canonicalRule } from "./canonical.ts";
import { byUser, TCP, to, toPort } from "./draft.ts";
import type { Present } from "./look.ts";
import type { OursInTable } from "./ownership.ts";
import { renderRule, renderSpec } from "./render.ts";
import { type RestoreOptions, restoreRules } from "./restore.ts";
import { OUR_CHAINS, type Rule, type RuleSet, type Style } from "./rule.ts";
import { tableText } from "./transaction.ts";

/** 127.0.0.0/8 */
const LOOPBACK: Prefix = { address: { family: 4, bytes: Uint8Array.of(127, 0, 0, 0) }, length: 8 };

/**
 * While one engine takes the other's place, both are there. eBPF sends the proxy's connections to its own host to a
 * loopback address and the inbound port; this rule keeps the others from redirecting them once more. IPv4 only: there
 * is but one IPv6 loopback address, which the rules leave alone.
 *
 * @param port the inbound port of the eBPF installation
 */
export function guardRule(uid: number, port: number): Rule {
  return {
    chain: OUR_CHAINS.outbound,
    insertAt: 1,
    matches: [to(LOOPBACK), TCP, toPort(port), byUser(uid)],
    action: { action: "return" },
    comment: "until eBPF and iptables have changed places",
  };
}

/** The rules with the guard before those of its chain. */
export function withGuard(set: RuleSet, guard: Rule | undefined): RuleSet {
  if (guard === undefined || set.family !== 4) return set;
  return {
    ...set,
    tables: set.tables.map((table) =>
      table.table === "nat" ? { ...table, rules: [...table.rules, guard] } : table,
    ),
  };
}

/** Puts the guard into the rules that are there. Without a chain of ours, there is nothing to guard against. */
export async function addGuard(
  { executables, ours }: Present,
  guard: Rule,
  restore: RestoreOptions,
): Promise<void> {
  if (!hasOutboundChain(ours)) return;
  await restoreRules(executables, tableText("nat", [renderRule(guard, STYLE)]), restore);
}

/** Takes the guard away. One that was left by a take-over that did not end goes with the chain, at the next install. */
export async function removeGuard(
  { executables, ours }: Present,
  guard: Rule,
  restore: RestoreOptions,
): Promise<void> {
  const form = canonicalRule(renderSpec(guard, STYLE));
  const rules = ours.flatMap(({ table }) => table.rules);
  const guards = rules.filter(({ chain, spec }) => chain === guard.chain && canonicalRule(spec) === form);
  if (guards.length === 0) return;
  const lines = guards.map(({ chain, spec }) => `-D ${chain} ${spec}`);
  await restoreRules(executables, tableText("nat", lines), restore);
}

const STYLE: Style = { comments: false, verbose: false };

function hasOutboundChain(ours: readonly OursInTable[]): boolean {
  return ours.some(({ name, chains }) => name === "nat" && chains.includes(OUR_CHAINS.outbound));
}
