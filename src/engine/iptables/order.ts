// SPDX-License-Identifier: Apache-2.0
import type { RuleKey } from "./pick-recorded.ts";

/** The chains, as "table CHAIN", in which the rules that both have stand in another order. */
export function chainsInOtherOrder(expected: readonly RuleKey[], actual: readonly RuleKey[]): string[] {
  const [wanted, found] = [byChain(expected), byChain(actual)];
  return [...wanted].flatMap(([chain, rules]) => {
    const there = found.get(chain) ?? [];
    const common = (list: readonly RuleKey[], others: readonly RuleKey[]) => {
      const other = new Set(others);
      return list.filter((rule) => other.has(rule)).join("\n");
    };
    return common(rules, there) === common(there, rules) ? [] : [chain];
  });
}

function byChain(rules: readonly RuleKey[]): Map<string, RuleKey[]> {
  return Map.groupBy(rules, (rule) => rule.split(" ", 2).join(" "));
}
