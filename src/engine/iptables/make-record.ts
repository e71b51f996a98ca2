// SPDX-License-Identifier: Apache-2.0
import type { NftObject } from "../../host/nft-chains.ts";
import { speaksIpv6 } from "../../plan/make-plan.ts";
import type { Plan } from "../../plan/plan.ts";
import { listeningPorts } from "../listening.ts";
import { commonRecord } from "../record.ts";
import { stateOwner } from "../state-owner.ts";
import { dnsPortsOf, plannedDnsPorts } from "./dns-flows.ts";
import { programsOf } from "./executables.ts";
import { countOthers } from "./others.ts";
import { ruleKey } from "./ownership.ts";
import { ownsPassthroughAddress } from "./passthrough.ts";
import { type AppliedRules, type IptablesRecord, RECORD_FORMAT } from "./record.ts";
import { renderSpec } from "./render.ts";
import type { Rule } from "./rule.ts";
import type { Target, Work } from "./work.ts";

/** What an installation has to remember. */
export function makeRecord(plan: Plan, work: Work, newHooks: readonly NftObject[]): IptablesRecord {
  const before = work.record;
  const own = plannedDnsPorts(plan);
  const former = [...dnsPortsOf(work.present, before)].filter((port) => !own.includes(port));
  // Without addresses or programs for IPv6 it is left alone, whatever was asked for.
  const applied = { ...plan, ipv6: work.targets.some(({ executables }) => executables.family === 6) };
  return {
    format: RECORD_FORMAT,
    ...stateOwner(plan.netns),
    ...commonRecord(
      applied,
      { ...before, addedPassthroughAddress: ownsPassthroughAddress(work.present, before) },
      work.config,
      listeningPorts(plan),
    ),
    applied: work.targets.map((target) => appliedRules(target, work)),
    unfinished: false,
    ...(plan.ipv6 && !speaksIpv6(plan.interfaces) ? { withoutIpv6: true } : {}),
    ...(work.beside === undefined ? {} : { beside: "ebpf" }),
    ...(former.length === 0 ? {} : { formerDnsPorts: former }),
    madeHooks: [...new Set([...(before?.madeHooks ?? []), ...newHooks])],
  };
}

/** Of each chain in the order in which it has them. */
export function appliedRules({ executables, set }: Target, { style, present }: Work): AppliedRules {
  const { family, mode } = executables;
  const programs = programsOf(executables);
  const before = present.find((each) => each.executables === executables);
  const placed = set.tables.flatMap(({ table, rules }) => {
    const inserted = rules.filter(({ insertAt }) => insertAt !== undefined);
    const appended = rules.filter(({ insertAt }) => insertAt === undefined);
    const keyOf = (rule: Rule) => ruleKey(table, rule.chain, renderSpec(rule, style));
    return [...inserted, ...appended].map((rule) => ({ rule, key: keyOf(rule) }));
  });
  const others = before === undefined ? {} : countOthers(before, placed);
  return { family, mode, rules: placed.map(({ key }) => key), programs, comments: style.comments, others };
}
