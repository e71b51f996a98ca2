// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { readNetwork } from "../../host/interfaces.ts";
import { type Finding, finding, INSTALL_AGAIN } from "../finding.ts";
import { type Listening, readListening } from "../listening.ts";
import { passthroughFinding } from "../passthrough-finding.ts";
import { areBesidePrograms } from "./beside-programs.ts";
import type { Executables } from "./executables.ts";
import { isInstallation } from "./keep-connections.ts";
import { lookAtAll, type Present, presentRules } from "./look.ts";
import { chainsInOtherOrder } from "./order.ts";
import type { IptablesRecord } from "./record.ts";
import { rulesBefore } from "./rules-before.ts";

export interface IptablesStatus {
  readonly engine: "iptables";
  /** Undefined: the rules are kumactl's, or of an installation that nothing is written down of. */
  readonly record: IptablesRecord | undefined;
  /** The rules are those of virtual networks, beside programs of eBPF: without these it is half an installation. */
  readonly besidePrograms: boolean;
  readonly rules: readonly RulesStatus[];
  readonly listening: Listening;
  /** What of the rules is not as it was installed. */
  readonly findings: readonly Finding[];
}

export interface RulesStatus {
  readonly family: Family;
  readonly mode: Executables["mode"];
  /** How many rules are as they were installed. */
  readonly present: number;
  /** In the normal form, with table and chain. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** Chains, as "table CHAIN", whose rules somebody brought into another order. */
  readonly reordered: readonly string[];
}

/** Reads an installation's state from the kernel; undefined where there is none. Changes nothing. */
export async function readStatus(
  record: IptablesRecord | undefined,
  all: readonly Executables[],
): Promise<IptablesStatus | undefined> {
  const present = await lookAtAll(all, record);
  const isInstalled =
    present.some(isInstallation) || (record?.applied ?? []).some(({ rules }) => rules.length > 0);
  if (!isInstalled) return undefined;
  const rules = compare(record, present);
  return {
    engine: "iptables",
    record,
    besidePrograms: areBesidePrograms(present.filter(isInstallation), record),
    rules,
    listening: record === undefined ? { outbound: [], inbound: [] } : readListening(record),
    findings: [...findingsOf(record, rules), ...rulesBefore(present)],
  };
}

/** Every family and mode that has, or should have, rules of ours. */
function compare(record: IptablesRecord | undefined, present: readonly Present[]): RulesStatus[] {
  const applied = record?.applied ?? [];
  const found = present.filter(isInstallation).map(presentRules);
  const places = [...applied, ...found].map(({ family, mode }) => `${family} ${mode}`);
  return [...new Set(places)].map((place) => {
    const of = (list: typeof found) => list.filter(({ family, mode }) => `${family} ${mode}` === place);
    const expected = of([...applied]).flatMap(({ rules }) => rules);
    const actual = of(found).flatMap(({ rules }) => rules);
    const missing = subtract(expected, actual);
    return {
      ...placeOf(place),
      present: expected.length - missing.length,
      missing,
      // Of an unfinished one's, those that were to be replaced are not all known.
      unexpected: record === undefined || record.unfinished ? [] : subtract(actual, expected),
      reordered: chainsInOtherOrder(expected, actual),
    };
  });
}

/** What of `rules` is not among `others`, or not as often. */
function subtract(rules: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return rules.filter((rule) => {
    const place = left.indexOf(rule);
    if (place >= 0) left.splice(place, 1);
    return place < 0;
  });
}

function placeOf(place: string): Pick<RulesStatus, "family" | "mode"> {
  const [family, mode] = place.split(" ");
  return { family: family === "6" ? 6 : 4, mode: mode === "legacy" ? "legacy" : "nft" };
}

function findingsOf(record: IptablesRecord | undefined, rules: readonly RulesStatus[]): Finding[] {
  const findings: Finding[] = [];
  const add = (code: Finding["code"], message: string) =>
    findings.push(finding(code, message, INSTALL_AGAIN));
  if (record === undefined) add("rules-unrecorded", "nothing is written down of these rules");
  if (record?.unfinished) add("unfinished", "an installation or its removal was under way and has not ended");
  if (rules.some(({ missing }) => missing.length > 0)) add("rules-missing", "rules are missing");
  if (rules.some(({ unexpected }) => unexpected.length > 0))
    add("rules-unexpected", "there are rules that this installation does not know");
  const reordered = rules.flatMap((each) => each.reordered);
  if (reordered.length > 0)
    add("rules-reordered", `the rules are in another order in ${reordered.join(", ")}`);
  const own = record === undefined ? [] : passthroughFinding(record, readNetwork().interfaces);
  return [...findings, ...own];
}
