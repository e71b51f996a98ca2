// SPDX-License-Identifier: Apache-2.0
import { canonicalRule, commentOf, jumpOf } from "./canonical.ts";
import { kumactlShapes } from "./kumactl-shapes.ts";
import { pickRecorded, type RuleKey } from "./pick-recorded.ts";
import type { AppliedRules } from "./record.ts";
import { COMMENT_PREFIX, OUR_CHAINS } from "./rule.ts";
import type { SavedRule, SavedTable, Snapshot } from "./saved.ts";

/** What is ours of a table. */
export interface OursInTable {
  readonly name: string;
  readonly chains: readonly string[];
  /** Rules in chains of others, in the order of the table. Those of our own chains go with them. */
  readonly rules: readonly SavedRule[];
  /** The table as it is, ours and others'. */
  readonly table: SavedTable;
}

export function ruleKey(table: string, chain: string, spec: string): RuleKey {
  return `${table} ${chain} ${canonicalRule(spec)}`;
}

/**
 * Finds what an installation of ours, or of kumactl, consists of. Nobody else's rule is among it:
 * - our chains, and rules that jump to them;
 * - rules that carry our comment;
 * - rules that `recorded` names: of an installation without comments, each as often as it was made;
 * - where there is no record and our chains hold no comment: rules in the shapes that kumactl writes without comments.
 */
export function findOurs(snapshot: Snapshot, recorded: readonly AppliedRules[]): OursInTable[] {
  const unmarked = recorded.filter(({ comments, rules }) => comments !== true && rules.length > 0);
  const guess = unmarked.length === 0 && isWithoutComments(snapshot);
  const copies = countCopies(snapshot, unmarked);
  const looksLikeKumactls = guess ? kumactlShapes(snapshot) : () => false;
  return snapshot.tables
    .map((table) => {
      const keyOf = ({ chain, spec }: SavedRule) => ruleKey(table.name, chain, spec);
      const named = pickRecorded(table, unmarked, keyOf, copies);
      const isOurs = (rule: SavedRule) =>
        isMarked(rule) || named.has(rule) || looksLikeKumactls(table.name, rule);
      return {
        name: table.name,
        chains: table.chains.map(({ name }) => name).filter(isOurChain),
        rules: table.rules.filter((rule) => !isOurChain(rule.chain) && isOurs(rule)),
        table,
      };
    })
    .filter(({ chains, rules }) => chains.length > 0 || rules.length > 0);
}

/** kumactl's engines: the one of 1.x, 2.0 and 2.1 has the second kind. */
export function isOurChain(name: string): boolean {
  return /^KUMA_MESH_[A-Z_]+$/.test(name) || OLD_CHAINS.has(name);
}

const OLD_CHAINS: ReadonlySet<string> = new Set([
  "MESH_INBOUND",
  "MESH_IN_REDIRECT",
  "MESH_OUTPUT",
  "MESH_REDIRECT",
]);

const KUMACTL_CHAINS: ReadonlySet<string> = new Set([...Object.values(OUR_CHAINS), ...OLD_CHAINS]);

/** The jumps to our chains say how often the installation is there. */
function countCopies({ tables }: Snapshot, recorded: readonly AppliedRules[]): number {
  const jumps = tables.flatMap((table) =>
    table.rules
      .filter((rule) => !isOurChain(rule.chain) && isMarked(rule))
      .map(({ chain, spec }) => ruleKey(table.name, chain, spec)),
  );
  const count = (keys: readonly RuleKey[], key: RuleKey) => keys.filter((each) => each === key).length;
  const copies = recorded.flatMap(({ rules }) =>
    jumps.filter((key) => rules.includes(key)).map((key) => count(jumps, key) / count(rules, key)),
  );
  return Math.ceil(Math.max(1, ...copies));
}

/** By its comment, or by the chain that it leads to. */
export function isMarked({ spec }: SavedRule): boolean {
  const jump = jumpOf(spec);
  if (jump !== undefined && isOurChain(jump)) return true;
  return commentOf(spec)?.startsWith(COMMENT_PREFIX) === true;
}

/** A chain that we keep beside those is no installation of kumactl's. */
function isWithoutComments({ tables }: Snapshot): boolean {
  const rules = tables.flatMap((table) => table.rules.filter(({ chain }) => KUMACTL_CHAINS.has(chain)));
  return rules.length > 0 && rules.every(({ spec }) => commentOf(spec) === undefined);
}

/** All rules of ours in a table, those of our own chains too, in its order. */
export function keysOf({ name, chains, rules, table }: OursInTable): RuleKey[] {
  const own = new Set(rules);
  return table.rules
    .filter((rule) => chains.includes(rule.chain) || own.has(rule))
    .map(({ chain, spec }) => ruleKey(name, chain, spec));
}
