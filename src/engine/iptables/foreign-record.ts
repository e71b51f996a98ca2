// SPDX-License-Identifier: Apache-2.0
import type { NftObject } from "../../host/nft-chains.ts";
import { fieldsOf, isTexts, numberOr, textOr, understandCommon } from "../foreign-record.ts";
import { PROGRAMS, type ProgramPaths } from "./executables.ts";
import type { AppliedRules, IptablesRecord } from "./record.ts";

/**
 * See `understandCommon`. Whose it is and what was applied have the same form in every version: without these, nobody could
 * tell rules without comments from others'. Pure.
 *
 * @returns undefined where these cannot be read
 */
export function understandRecord(value: unknown): IptablesRecord | undefined {
  const { format, bootId, netns, applied, unfinished, madeHooks, beside, formerDnsPorts } = fieldsOf(value);
  const { inode, cookie } = fieldsOf(netns);
  if (typeof bootId !== "string" || typeof inode !== "number") return undefined;
  if (!Array.isArray(applied) || !applied.every(isApplied)) return undefined;
  const ports = Array.isArray(formerDnsPorts)
    ? formerDnsPorts.filter((each) => typeof each === "number")
    : [];
  return {
    format: numberOr(format, 0),
    ...understandCommon(value),
    bootId,
    netns: { inode, ...(typeof cookie === "string" ? { cookie } : {}) },
    applied: applied.map(understandApplied),
    unfinished: unfinished === true,
    madeHooks: isTexts(madeHooks) ? madeHooks.filter(isNftObject) : [],
    ...(beside === "ebpf" ? { beside } : {}),
    ...(ports.length === 0 ? {} : { formerDnsPorts: ports }),
  };
}

function isApplied(value: unknown): value is Pick<AppliedRules, "family" | "mode" | "rules"> {
  const { family, mode, rules } = fieldsOf(value);
  return (family === 4 || family === 6) && (mode === "nft" || mode === "legacy") && isTexts(rules);
}

function understandApplied(value: Pick<AppliedRules, "family" | "mode" | "rules">): AppliedRules {
  const { family, mode, rules } = value;
  const { programs, comments, others } = fieldsOf(value);
  return {
    ...{ family, mode, rules },
    ...(isPaths(programs) ? { programs } : {}),
    ...(typeof comments === "boolean" ? { comments } : {}),
    ...(isOthers(others) ? { others } : {}),
  };
}

function isPaths(value: unknown): value is ProgramPaths {
  return PROGRAMS.every((name) => textOr(fieldsOf(value)[name], "") !== "");
}

function isOthers(value: unknown): value is NonNullable<AppliedRules["others"]> {
  if (value === undefined) return false;
  return Object.values(fieldsOf(value)).every((each) => {
    const { before, all } = fieldsOf(each);
    return typeof before === "number" && typeof all === "number";
  });
}

/** "ip nat", "ip6 raw PREROUTING" */
function isNftObject(text: string): text is NftObject {
  return /^ip6? (nat|raw|mangle)( \S+)?$/.test(text);
}
