// SPDX-License-Identifier: Apache-2.0
import { type Executables, programsOf } from "./executables.ts";
import { findOurs, isMarked, keysOf, type OursInTable, ruleKey } from "./ownership.ts";
import { parseSaved } from "./parse-saved.ts";
import type { RuleKey } from "./pick-recorded.ts";
import type { AppliedRules, IptablesRecord } from "./record.ts";
import { saveRules } from "./save.ts";
import type { SavedRule, Snapshot } from "./saved.ts";

/** What one family's rules are now, of one mode, and which of them are ours. */
export interface Present {
  readonly executables: Executables;
  readonly snapshot: Snapshot;
  readonly ours: readonly OursInTable[];
}

/** Reads the rules. Changes nothing. */
export async function look(executables: Executables, recorded: readonly AppliedRules[]): Promise<Present> {
  const { text } = await saveRules(executables);
  const snapshot = parseSaved(text);
  return { executables, snapshot, ours: findOurs(snapshot, recorded) };
}

export function lookAtAll(
  all: readonly Executables[],
  record: Pick<IptablesRecord, "applied" | "unfinished"> | undefined,
): Promise<Present[]> {
  return Promise.all(all.map((executables) => look(executables, recordedFor(executables, record))));
}

/** The rules that a record names, of one family and mode. */
function recordedFor(
  { family, mode }: Pick<Executables, "family" | "mode">,
  record: Pick<IptablesRecord, "applied" | "unfinished"> | undefined,
): AppliedRules[] {
  const applied = (record?.applied ?? []).filter((each) => each.family === family && each.mode === mode);
  return record?.unfinished ? applied.map((each) => ({ ...each, unfinished: true })) : applied;
}

export function hasOurs({ ours }: Present): boolean {
  return ours.length > 0;
}

/** Everything of ours in the order in which the kernel has it: what is compared with what was applied. */
export function presentRules({ ours, executables }: Present): AppliedRules {
  const { family, mode } = executables;
  return { family, mode, rules: ours.flatMap(keysOf) };
}

/**
 * Those of ours in the chains of others that only a record can tell from others' rules, and the others that read the same:
 * as they are now, whatever they were when ours were made.
 */
export function unmarkedRules({ ours, executables }: Present): AppliedRules {
  const { family, mode } = executables;
  const others: Record<RuleKey, { before: number; all: number }> = {};
  const rules = ours.flatMap(({ name, rules, table }) => {
    const keyOf = ({ chain, spec }: SavedRule) => ruleKey(name, chain, spec);
    return rules
      .filter((rule) => !isMarked(rule))
      .map((rule) => {
        const key = keyOf(rule);
        const same = table.rules.filter((other) => !rules.includes(other) && keyOf(other) === key);
        const before = same.filter(({ position }) => position < rule.position).length;
        if (same.length > 0) others[key] ??= { before, all: same.length };
        return key;
      });
  });
  return { family, mode, rules, programs: programsOf(executables), others };
}
