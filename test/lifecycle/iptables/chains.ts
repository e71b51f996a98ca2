// What a kernel's chains have to hold after a text was applied to empty tables.

import { canonicalRule } from "../../../src/engine/iptables/canonical.ts";
import type { SavedTable } from "../../../src/engine/iptables/saved.ts";

/** The rules of each chain that has any, in order, in their normal form: by "nat OUTPUT". */
export type Chains = ReadonlyMap<string, readonly string[]>;

/** Carries out lines (`-A CHAIN …`, `-I CHAIN 2 …`) the way iptables does. */
export function chainsFromLines(tables: ReadonlyMap<string, readonly string[]>): Chains {
  const chains = new Map<string, string[]>();
  for (const [table, lines] of tables) {
    for (const line of lines) {
      const [, how, chain, place, spec] = /^-([AI]) (\S+) (\d+ )?(.*)$/.exec(line) ?? [];
      if (spec === undefined) throw new Error(`no line of ours: ${line}`);
      const rules = chains.get(`${table} ${chain}`) ?? [];
      if (how === "I" && Number(place) - 1 > rules.length) throw new Error(`no such place: ${line}`);
      rules.splice(how === "I" ? Number(place) - 1 : rules.length, 0, canonicalRule(spec));
      chains.set(`${table} ${chain}`, rules);
    }
  }
  return chains;
}

export function chainsFromTables(tables: readonly SavedTable[]): Chains {
  const chains = new Map<string, string[]>();
  for (const table of tables) {
    for (const { chain, spec } of table.rules) {
      const rules = chains.get(`${table.name} ${chain}`) ?? [];
      rules.push(canonicalRule(spec));
      chains.set(`${table.name} ${chain}`, rules);
    }
  }
  return chains;
}

/** Chains without a policy, which are those that somebody made. */
export function madeChains(tables: readonly SavedTable[]): string[] {
  return tables.flatMap(({ name, chains }) =>
    chains.filter(({ policy }) => policy === undefined).map((chain) => `${name} ${chain.name}`),
  );
}
