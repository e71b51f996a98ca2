// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { Undo } from "../../core/undo.ts";
import { addLoopbackAddress, removeLoopbackAddress } from "../../host/addresses.ts";
import { removeIfUnused } from "../../host/nft-chains.ts";
import { PASSTHROUGH_ADDRESS, type Plan } from "../../plan/plan.ts";
import { withGuard } from "./guard.ts";
import { existing, missingHooks } from "./hooks.ts";
import {
  hasConnections,
  isInstallation,
  KEEPER_CHAIN,
  trackConnections,
  withKeeper,
} from "./keep-connections.ts";
import { hasOurs, look, type Present, presentRules, unmarkedRules } from "./look.ts";
import { appliedRules, makeRecord, ownsPassthroughAddress } from "./make-record.ts";
import { chainsInOtherOrder } from "./order.ts";
import { type AppliedRules, type IptablesRecord, readRecord, removeRecord, writeRecord } from "./record.ts";
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
export async function apply(plan: Plan, work: Work): Promise<Applied> {
  const before = readRecord(plan.netns);
  const newHooks = missingHooks(work.targets);
  const record = makeRecord(plan, work, newHooks, before);
  await using undo = new Undo();
  undo.add("writing down what is installed", () => putBackRecord(plan.netns, before));
  writeRecord(plan.netns, {
    ...record,
    unfinished: true,
    applied: [...record.applied, ...(before?.applied ?? work.present.filter(hasOurs).map(unmarkedRules))],
  });

  if (plan.passthroughAddress === "missing" && (await addLoopbackAddress(PASSTHROUGH_ADDRESS)))
    undo.add("removing ::6 from lo", async () => void (await removeLoopbackAddress(PASSTHROUGH_ADDRESS)));
  undo.add("removing the chains that iptables-nft made", () => void removeIfUnused(newHooks));
  const { present: known, notes } = await protectConnections(work, undo);
  for (const { text, present, applied } of changes({ ...work, present: known })) {
    undo.add(`restoring the rules of IPv${present.executables.family}`, () =>
      restorePresent(present, applied, work.restore),
    );
    await restoreRules(present.executables, text, work.restore);
  }
  for (const target of work.targets) await verify(target, work);
  undo.keep();
  const recorded = writeRecord(plan.netns, { ...record, madeHooks: existing(record.madeHooks) });
  if (ownsPassthroughAddress(work, before) && !record.addedPassthroughAddress)
    await removeLoopbackAddress(PASSTHROUGH_ADDRESS);
  return { replaced: work.present.some(isInstallation), recorded, notes };
}

/** Where rules of ours are there already, conntrack is at work, and knows all connections. */
async function protectConnections(
  { targets, present, restore }: Work,
  undo: Undo,
): Promise<{ present: readonly Present[]; notes: readonly string[] }> {
  const isNew = (each: Present) => isTarget(each, targets) && !hasOurs(each);
  const fresh = present.filter(isNew);
  if (fresh.length === 0 || !hasConnections()) return { present, notes: [] };
  for (const each of fresh)
    undo.add(`removing the chain ${KEEPER_CHAIN}`, () => restorePresent(each, undefined, restore));
  const notes = await trackConnections(
    fresh.map(({ executables }) => executables),
    restore,
  );
  return { present: present.map((each) => (isNew(each) ? withKeeper(each) : each)), notes };
}

function isTarget({ executables }: Present, targets: readonly Target[]): boolean {
  return targets.some((target) => target.executables === executables);
}

interface Change {
  readonly text: string;
  readonly present: Present;
  readonly applied: AppliedRules | undefined;
}

/** First what redirects from now on; then, where there are others of ours (of the other mode, of IPv6), these go. */
function changes(work: Work): Change[] {
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
    .map((each) => ({ text: removeRules(each.ours), present: each, applied: undefined }));
  return [...made, ...removed];
}

/** Where nothing of what was asked for came into effect, there is nothing to restore. */
async function restorePresent(
  before: Present,
  applied: AppliedRules | undefined,
  options: RestoreOptions,
): Promise<void> {
  const recorded = [unmarkedRules(before), ...(applied === undefined ? [] : [applied])];
  const now = await look(before.executables, recorded);
  if (presentRules(now).rules.join("\n") === presentRules(before).rules.join("\n")) return;
  await restoreRules(before.executables, restoreRulesOf(now.ours, before.ours), options);
}

/** iptables-restore said that all went well; whether it did, the kernel knows. */
async function verify(target: Target, work: Work): Promise<void> {
  const applied = appliedRules(target, work);
  const now = await look(target.executables, [applied]);
  const present = presentRules(now).rules;
  const missing = applied.rules.filter((rule) => !present.includes(rule));
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

function putBackRecord(netns: NetnsFact, before: IptablesRecord | undefined): void {
  if (before === undefined) removeRecord(netns);
  else writeRecord(netns, before);
}
