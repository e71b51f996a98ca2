// SPDX-License-Identifier: Apache-2.0
import type { Present } from "./look.ts";
import { isOurChain, ruleKey } from "./ownership.ts";
import type { RuleKey } from "./pick-recorded.ts";
import type { AppliedRules } from "./record.ts";
import type { Rule } from "./rule.ts";

type Others = NonNullable<AppliedRules["others"]>;

/** Counts the rules of others that read as ours will: what is inserted comes before them, what is appended behind them. */
export function countOthers(
  { snapshot, ours }: Pick<Present, "snapshot" | "ours">,
  placed: readonly { readonly rule: Pick<Rule, "insertAt">; readonly key: RuleKey }[],
): Others {
  const own = new Set(ours.flatMap(({ rules }) => rules));
  const keys = new Set(placed.map(({ key }) => key));
  const theirs = snapshot.tables.flatMap((table) =>
    table.rules
      .filter((rule) => !own.has(rule) && !isOurChain(rule.chain))
      .map(({ chain, spec }) => ruleKey(table.name, chain, spec))
      .filter((key) => keys.has(key)),
  );
  const counted = placed.map(({ rule, key }): [RuleKey, Others[RuleKey]] => {
    const all = theirs.filter((each) => each === key).length;
    return [key, { before: rule.insertAt === undefined ? all : 0, all }];
  });
  return Object.fromEntries(counted.filter(([, { all }]) => all > 0));
}
