// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { Undo } from "../../core/undo.ts";
import { addLoopbackAddress, removeLoopbackAddress } from "../../host/addresses.ts";
import { removeIfUnused } from "../../host/nft-chains.ts";
import { PASSTHROUGH_ADDRESS, type Plan } from "../../plan/plan.ts";
import { inheritPassthroughAddress } from "../inherit-address.ts";
import { correctDnsFlows, dnsPortsOf } from "./dns-flows.ts";
import { storeRules } from "./firewalld/store.ts";
import { withGuard } from "./guard.ts";
import { existing, missingHooks, removeHooks } from "./hooks.ts";
import { isInstallation, KEEPER_CHAIN, keeperLines, protectConnections } from "./keep-connections.ts";
import { countLive, portsOf } from "./live-connections.ts";
import { hasOurs, look, type Present, presentRules, unmarkedRules } from "./look.ts";
import { appliedRules, makeRecord } from "./make-record.ts";
import { chainsInOtherOrder } from "./order.ts";
import { ownsPassthroughAddress } from "./passthrough.ts";
import { type AppliedRules, type IptablesRecord, removeRecord, writeRecord } from "./record.ts";
import { renderRules } from "./render.ts";
import { type RestoreOptions, restoreRules } from "./restore.ts";
import { removeRules, replaceRules, restoreRulesOf } from "./transaction.ts";
import type { Target, Work } from "./work.ts";

export interface Applied {
  /** An installation was there. */
  readonly replaced: boolean;
  /** It could be written down what is installed. */
  readonly recorded: boolean;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Puts the rules in the place of those of ours that are there, all of them or none. A packet meets the old ones or the new
 * ones, table by table.
 *
 * What is about to be there is written down first, with what is there: if this is killed, all of it is found.
 */
export async function apply(wanted: Plan, work: Work): Promise<Applied> {
  const before = work.record;
  const newHooks = missingHooks(work.targets);
  const ownedAddress = ownsPassthroughAddress(work.present, before);
  const plan = inheritPassthroughAddress(wanted, ownedAddress);
  const record = makeRecord(plan, work, newHooks);
  const dnsBefore = dnsPortsOf(work.present, before);
  await using undo = new Undo();
  writeRecord(plan.netns, {
    ...record,
    unfinished: true,
    applied: [...record.applied, ...work.present.filter(hasOurs).map(unmarkedRules)],
    addedPassthroughAddress: record.addedPassthroughAddress || ownedAddress,
  });
  undo.addIfAllUndone("writing down what is installed", () => putBackRecord(plan.netns, before));

  if (plan.passthroughAddress === "missing" && addLoopbackAddress(PASSTHROUGH_ADDRESS))
    undo.add("removing ::6 from lo", () => void removeLoopbackAddress(PASSTHROUGH_ADDRESS));
  undo.add("removing the chains that iptables-nft made", () => void removeIfUnused(newHooks));
  const { present: known, notes } = await protectConnections(
    work.present,
    work.targets.map(({ executables }) => executables),
    new Set([plan.outbound.port, plan.inbound.port]),
    work.restore,
    (each) =>
      undo.add(`removing the chain ${KEEPER_CHAIN}`, () => restorePresent(each, undefined, work.restore)),
  );
  const instead = await insteadOfOthers(work);
  for (const { text, present, applied } of changes({ ...work, present: known }, instead)) {
    undo.add(`restoring the rules of IPv${present.executables.family}`, () =>
      restorePresent(present, applied, work.restore),
    );
    await restoreRules(present.executables, text, work.restore);
  }
  for (const target of work.targets) await verify(target, work);
  const stored = await store(plan, work, undo);
  const isNeeded = record.addedPassthroughAddress || work.beside?.keepPassthroughAddress === true;
  if (ownedAddress && !isNeeded && removeLoopbackAddress(PASSTHROUGH_ADDRESS))
    undo.add("giving ::6 back to lo", () => void addLoopbackAddress(PASSTHROUGH_ADDRESS));
  // What only the rules before were for. Of NAT's, connections that live on with a keeper need those without rules, too.
  removeHooks(record.madeHooks, instead.length > 0);
  const installed = { ...record, madeHooks: existing(record.madeHooks) };
  const recorded = writeRecord(plan.netns, installed);
  work.beside?.commit();
  undo.keep();
  // Nothing from here on throws: it is installed, and who called goes on with what is left to do.
  const { done, notes: corrected } = correctDnsFlows({ ...plan, ipv6: record.ipv6 }, dnsBefore);
  const unwritten = done ? dropFormerDnsPorts(plan.netns, installed) : [];
  return {
    replaced: work.present.some(isInstallation),
    recorded,
    notes: [...notes, ...stored, ...corrected, ...unwritten],
  };
}

/** Returns what the user should know, one sentence each. */
function dropFormerDnsPorts(netns: NetnsFact, record: IptablesRecord): string[] {
  const { formerDnsPorts, ...rest } = record;
  if (formerDnsPorts === undefined) return [];
  try {
    writeRecord(netns, rest);
    return [];
  } catch (error) {
    const ports = formerDnsPorts.join(", ");
    return [
      `writing down that no DNS queries go to port ${ports} any more failed: ${describeError(error)}; the next ` +
        "installation or removal will look for such queries once more",
    ];
  }
}

function isTarget({ executables }: Present, targets: readonly Target[]): boolean {
  return targets.some((target) => target.executables === executables);
}

/**
 * Beside the programs only families with a virtual network have rules. Where another family had some, of the iptables
 * engine, the connections that they redirected live on.
 */
async function insteadOfOthers({ beside, present, targets, record }: Work): Promise<string[]> {
  const others = present.filter((each) => !isTarget(each, targets) && hasOurs(each));
  if (beside === undefined || (await countLive(others, record)) === 0) return [];
  return keeperLines(portsOf(others, record));
}

interface Change {
  readonly text: string;
  readonly present: Present;
  readonly applied: AppliedRules | undefined;
}

/**
 * First what redirects from now on; then, where there are others of ours (of the other mode, of IPv6), these go.
 *
 * @param instead lines that come into nat in the place of others of ours
 */
function changes(work: Work, instead: readonly string[]): Change[] {
  const { targets, style, guard, present } = work;
  const made = targets.flatMap(({ executables, set }) =>
    present
      .filter((each) => each.executables === executables)
      .map((each) => ({
        text: replaceRules(renderRules(withGuard(set, guard), style), each.ours),
        present: each,
        applied: appliedRules({ executables, set }, work),
      })),
  );
  const removed = present
    .filter((each) => !isTarget(each, targets) && hasOurs(each))
    .map((each) => ({ text: removeRules(each.ours, instead), present: each, applied: undefined }));
  return [...made, ...removed];
}

/** Where firewalld applies them anew, they are to be what they were: each of them, and once. */
async function store({ netns }: Plan, work: Work, undo: Undo): Promise<string[]> {
  if (work.storeFirewalld === undefined) return [];
  const notes = await storeRules(
    {
      netns,
      sets: work.targets.map(({ set }) => set),
      style: work.style,
      wanted: work.storeFirewalld,
      recorded: work.record?.applied ?? [],
    },
    undo,
  );
  for (const target of work.targets) await verify(target, work);
  return notes;
}

/** Where nothing of what was asked for came into effect, there is nothing to restore. */
async function restorePresent(
  before: Present,
  applied: AppliedRules | undefined,
  options: RestoreOptions,
): Promise<void> {
  const recorded = [...(applied === undefined ? [] : [applied]), unmarkedRules(before)];
  const now = await look(before.executables, recorded.map(asUnfinished));
  if (presentRules(now).rules.join("\n") === presentRules(before).rules.join("\n")) return;
  await restoreRules(before.executables, restoreRulesOf(now, before.ours), options);
}

/** iptables-restore said that all went well; whether it did, the kernel knows. */
async function verify(target: Target, work: Work): Promise<void> {
  const applied = appliedRules(target, work);
  const now = await look(target.executables, [asUnfinished(applied)]);
  const present = presentRules(now).rules;
  const there = new Set(present);
  const missing = applied.rules.filter((rule) => !there.has(rule));
  const reordered = chainsInOtherOrder(applied.rules, present);
  if (missing.length + reordered.length === 0) return;
  const what =
    missing.length > 0 ? `lacks ${missing.join("; ")}` : `has another order in ${reordered.join(", ")}`;
  throw new TproxyError(
    "IPTABLES_FAILED",
    `${target.executables.restore} succeeded, but the kernel ${what}`,
    { hint: "Another program may be changing them at the same time: try again." },
  );
}

/** Whether they came into effect is what is to be found out: another one's rule is not taken for one of them. */
function asUnfinished(applied: AppliedRules): AppliedRules {
  return { ...applied, unfinished: true };
}

function putBackRecord(netns: NetnsFact, before: IptablesRecord | undefined): void {
  if (before === undefined) removeRecord(netns);
  else writeRecord(netns, before);
}
