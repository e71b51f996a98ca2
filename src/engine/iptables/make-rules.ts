// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import type { Plan } from "../../plan/plan.ts";
import { type Draft, placeRules } from "./draft.ts";
import { type FamilyPlan, planOfFamily } from "./family-plan.ts";
import { makeMangleRules } from "./mangle-rules.ts";
import { makeNatRules } from "./nat-rules.ts";
import { makeRulesBesidePrograms } from "./prerouting-rules.ts";
import { makeRawRules } from "./raw-rules.ts";
import { OUR_CHAINS, type OurChain, type RuleContext, type RuleSet, TABLES, type TableName } from "./rule.ts";

/** What makes the rules of a table, in the order in which they are written. */
const MAKERS: Readonly<Record<TableName, (plan: FamilyPlan, context: RuleContext) => readonly Draft[]>> = {
  raw: makeRawRules,
  nat: makeNatRules,
  mangle: makeMangleRules,
};

const CHAINS: Readonly<Record<TableName, readonly OurChain[]>> = {
  raw: [],
  nat: [OUR_CHAINS.inbound, OUR_CHAINS.outbound, OUR_CHAINS.inboundRedirect, OUR_CHAINS.outboundRedirect],
  mangle: [],
};

export type MakeRules = (plan: Plan, family: Family, context: RuleContext) => RuleSet;

/** The rules that execute a plan in one family: those of kumactl 2.14, in its order. */
export function makeRules(plan: Plan, family: Family, context: RuleContext): RuleSet {
  const familyPlan = planOfFamily(plan, family);
  const tables = TABLES.map((table) => ({
    table,
    chains: CHAINS[table],
    rules: placeRules(MAKERS[table](familyPlan, context)),
  }));
  return { family, tables: tables.filter(({ rules }) => rules.length > 0) };
}

/** Those of the virtual networks alone: for where programs of eBPF see to all else. */
export function makeNetworkRules(plan: Plan, family: Family): RuleSet {
  const rules = placeRules(makeRulesBesidePrograms(planOfFamily(plan, family)));
  return { family, tables: rules.length === 0 ? [] : [{ table: "nat", chains: [], rules }] };
}
