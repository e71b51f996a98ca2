// SPDX-License-Identifier: Apache-2.0
import type { AppliedRules } from "./record.ts";
import type { SavedRule, SavedTable } from "./saved.ts";

/** `table chain canonical-form`: how a record names a rule. */
export type RuleKey = string;

/**
 * The rules of a table that a record names, without those of others that read the same. Where others' are as many as there
 * were at the installation, theirs stand where they stood. Where somebody added or removed one since, ours are those whose
 * neighbours are ours; of single rules that cannot be told apart, the first.
 *
 * @param copies how often the installation is there: somebody may have restored what iptables-save wrote
 */
export function pickRecorded(
  table: SavedTable,
  recorded: readonly AppliedRules[],
  keyOf: (rule: SavedRule) => RuleKey,
  copies: number,
): ReadonlySet<SavedRule> {
  const chains = Map.groupBy(table.rules, ({ chain }) => chain);
  const picked = [...chains].flatMap(([chain, rules]) => {
    const there = rules.map((rule) => ({ rule, key: keyOf(rule) }));
    const start = `${table.name} ${chain} `;
    return recorded.flatMap((applied) => {
      const keys = applied.rules.filter((key) => key.startsWith(start));
      return [...new Set(keys)].flatMap((key) => pick(key, keys, there, copies, applied.others));
    });
  });
  return new Set(picked);
}

interface Keyed {
  readonly rule: SavedRule;
  readonly key: RuleKey;
}

function pick(
  key: RuleKey,
  keys: readonly RuleKey[],
  there: readonly Keyed[],
  copies: number,
  others: AppliedRules["others"],
): SavedRule[] {
  const same = there.flatMap((each, index) => (each.key === key ? [{ ...each, index }] : []));
  const wanted = copies * keys.filter((each) => each === key).length;
  const { before, all } = others?.[key] ?? { before: 0, all: 0 };
  if (copies === 1 && same.length - wanted === all)
    return same.slice(before, before + wanted).map(({ rule }) => rule);
  return same
    .map(({ rule, index }) => ({ rule, run: runLength(there, index, keys, keys.indexOf(key)) }))
    .sort((a, b) => b.run - a.run)
    .slice(0, wanted)
    .map(({ rule }) => rule);
}

/** How many rules around one follow each other as recorded. */
function runLength(there: readonly Keyed[], at: number, keys: readonly RuleKey[], place: number): number {
  const fits = (step: number) =>
    keys[place + step] !== undefined && there[at + step]?.key === keys[place + step];
  let [first, last] = [0, 0];
  while (fits(first - 1)) first--;
  while (fits(last + 1)) last++;
  return last - first + 1;
}
