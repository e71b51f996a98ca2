// SPDX-License-Identifier: Apache-2.0
import { type Finding, finding } from "../finding.ts";
import type { Present } from "./look.ts";
import type { OursInTable } from "./ownership.ts";

/**
 * Rules of others that are asked before ours in the same chain. One that accepts or redirects keeps what it matches from
 * ours; whether it was meant to, nobody can tell from here.
 */
export function rulesBefore(present: readonly Present[]): Finding[] {
  return present.flatMap(({ executables, ours }) =>
    ours.flatMap((table) =>
      chainsWithOurs(table).flatMap((chain) => {
        const others = othersBefore(table, chain);
        if (others.length === 0) return [];
        const where = `${table.name} ${chain} (IPv${executables.family}, iptables-${executables.mode})`;
        return [
          finding(
            "rules-before",
            `in ${where} rules of others are asked before ours: ${others.join("; ")}`,
            "`tproxyctl verify` shows whether connections are intercepted all the same.",
          ),
        ];
      }),
    ),
  );
}

function chainsWithOurs({ rules }: OursInTable): string[] {
  return [...new Set(rules.map(({ chain }) => chain))];
}

function othersBefore({ rules, table }: OursInTable, chain: string): string[] {
  const first = Math.min(...rules.filter((rule) => rule.chain === chain).map(({ position }) => position));
  const own = new Set(rules);
  return table.rules
    .filter((rule) => rule.chain === chain && rule.position < first && !own.has(rule))
    .map(({ spec }) => spec);
}
