// SPDX-License-Identifier: Apache-2.0
import { commentOf } from "./canonical.ts";
import type { AppliedRules } from "./record.ts";
import { COMMENT_PREFIX } from "./rule.ts";
import type { SavedRule, SavedTable } from "./saved.ts";

/** `table chain canonical-form`: how a record names a rule. */
export type RuleKey = string;

/**
 * The rules of a table that a record names, without those of others that read the same. Where others' are as many as there
 * were at the installation, theirs stand where they stood. Where somebody added or removed one since, ours are those whose
 * neighbours are ours; of single rules that cannot be told apart, the first.
 *
 * What is `unfinished` may not be there: ours are at most those that are more than others had. Several such records speak
 * of the same rules, before and after a change: each rule counts once.
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
  const unfinished = recorded.filter((applied) => applied.unfinished === true);
  const picked = [...chains].flatMap(([chain, rules]) => {
    const there = rules.map((rule) => ({ rule, key: keyOf(rule), marked: hasOurComment(rule) }));
    const start = `${table.name} ${chain} `;
    return recorded.flatMap((applied) => {
      const keys = applied.rules.filter((key) => key.startsWith(start));
      const isUnfinished = applied.unfinished === true;
      const known = isUnfinished ? unfinished.slice(0, unfinished.indexOf(applied)) : [];
      return [...new Set(keys)]
        .filter((key) => !known.some(({ rules }) => rules.includes(key)))
        .flatMap((key) => {
          const times = (isUnfinished ? unfinished : [applied]).map(({ rules }) => count(rules, key));
          const { before, all } = applied.others?.[key] ?? { before: 0, all: 0 };
          const others = { before, all, areAll: isUnfinished };
          return pick(key, keys, there, { copies, wanted: copies * Math.max(...times), others });
        });
    });
  });
  return new Set(picked);
}

interface Keyed {
  readonly rule: SavedRule;
  readonly key: RuleKey;
  /** Found by its comment, so it is none of those that only a record knows. */
  readonly marked: boolean;
}

interface Wanted {
  readonly copies: number;
  /** How many there are, all being there. */
  readonly wanted: number;
  /** Of others: `areAll` where they are surely there, and ours perhaps are not. */
  readonly others: { readonly before: number; readonly all: number; readonly areAll: boolean };
}

function pick(
  key: RuleKey,
  keys: readonly RuleKey[],
  there: readonly Keyed[],
  { copies, wanted, others: { before, all, areAll } }: Wanted,
): SavedRule[] {
  const same = there.flatMap((each, index) => (each.key === key && !each.marked ? [{ ...each, index }] : []));
  const more = Math.max(0, same.length - all);
  const ours = areAll ? Math.min(wanted, more) : wanted;
  if (copies === 1 && (areAll ? more <= wanted : same.length - wanted === all))
    return same.slice(before, before + ours).map(({ rule }) => rule);
  return same
    .map(({ rule, index }) => ({ rule, run: runLength(there, index, keys, keys.indexOf(key)) }))
    .sort((a, b) => b.run - a.run)
    .slice(0, ours)
    .map(({ rule }) => rule);
}

function hasOurComment({ spec }: SavedRule): boolean {
  return commentOf(spec)?.startsWith(COMMENT_PREFIX) === true;
}

function count(keys: readonly RuleKey[], key: RuleKey): number {
  return keys.filter((each) => each === key).length;
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
