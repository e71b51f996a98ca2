// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { removeLoopbackAddress } from "../../host/addresses.ts";
import { PASSTHROUGH_ADDRESS } from "../../plan/plan.ts";
import { dnsPortsOf, releaseDnsFlows } from "./dns-flows.ts";
import { type Executables, programsOf } from "./executables.ts";
import { removeHooks } from "./hooks.ts";
import { isInstallation, keeperLines } from "./keep-connections.ts";
import { countLive, noteCut, portsOf } from "./live-connections.ts";
import { hasOurs, look, lookAtAll, type Present, presentRules, unmarkedRules } from "./look.ts";
import { ownsPassthroughAddress } from "./passthrough.ts";
import { requireReadable } from "./readable.ts";
import {
  type AppliedRules,
  type FoundRecord,
  type IptablesRecord,
  removeRecord,
  writeRecord,
} from "./record.ts";
import { type RestoreOptions, restoreRules } from "./restore.ts";
import { removeRules } from "./transaction.ts";

export interface RemoveOptions {
  /** ::6 stays on lo: whoever takes over needs it. */
  readonly keepPassthroughAddress?: boolean;
  /** Connections that were redirected live on, with what that needs: for whoever takes over. Else they end. */
  readonly keepConnections?: boolean;
}

/**
 * Removes everything of ours, and of kumactl, from a network namespace; where nothing is, that is well. Where the record is
 * damaged, what can be told without it: nobody knows whether that is all.
 *
 * @returns what the user should know, one sentence each
 * @throws TproxyError STATE_DAMAGED, after the removal; IPTABLES_FAILED where something is still there
 */
export async function removeAll(
  netns: NetnsFact,
  { record, damage }: FoundRecord,
  all: readonly Executables[],
  restore: RestoreOptions,
  { keepPassthroughAddress = false, keepConnections = false }: RemoveOptions = {},
): Promise<string[]> {
  const present = await lookAtAll(all, record);
  for (const each of present) requireReadable(each, [], record);
  const changed = present.filter(hasOurs);
  writeTwins(netns, record, changed.map(unmarkedRules));
  let left: readonly Present[] = changed;
  // As long as the rules are there, they redirect one more: who lives on can be counted when they are gone.
  if (keepConnections) {
    await replaceRules(left, keeperLines(portsOf(present, record)), restore);
    left = (await verify(left, isInstallation)).filter(hasOurs);
  }
  const live = await countLive(present, record);
  const keep = keepConnections && live > 0;
  if (!keep) {
    await replaceRules(left, [], restore);
    await verify(changed, hasOurs);
  }
  const { notes: released } = releaseDnsFlows(dnsPortsOf(present, record));
  if (!keepPassthroughAddress && ownsPassthroughAddress(present, record))
    removeLoopbackAddress(PASSTHROUGH_ADDRESS);
  if (damage !== undefined) throw damage;
  removeWhatWasMade(netns, record, keep ? changed : []);
  return [...(live === 0 || keepConnections ? [] : [noteCut(live)]), ...released];
}

async function replaceRules(
  present: readonly Present[],
  instead: readonly string[],
  restore: RestoreOptions,
): Promise<void> {
  for (const each of present) await restoreRules(each.executables, removeRules(each.ours, instead), restore);
}

/** Where others have rules that read as ours do: if this is killed, these are not to be taken for ours that are gone. */
function writeTwins(
  netns: NetnsFact,
  record: IptablesRecord | undefined,
  applied: readonly AppliedRules[],
): void {
  const hasTwins = applied.some(({ others = {} }) => Object.keys(others).length > 0);
  if (record !== undefined && hasTwins) writeRecord(netns, { ...record, applied, unfinished: true });
}

/**
 * iptables-restore said that all went well; whether it did, the kernel knows.
 *
 * @returns what is there now
 */
async function verify(
  changed: readonly Present[],
  isLeft: (present: Present) => boolean,
): Promise<readonly Present[]> {
  const now = await Promise.all(
    changed.map((each) => look(each.executables, [{ ...unmarkedRules(each), unfinished: true }])),
  );
  const left = now.find(isLeft);
  if (left === undefined) return now;
  const chains = left.ours.flatMap(({ name, chains }) => chains.map((chain) => `${name} ${chain}`));
  throw new TproxyError(
    "IPTABLES_FAILED",
    `${left.executables.restore} succeeded, but the kernel still has ${[...chains, ...presentRules(left).rules].join("; ")}`,
    { hint: "Another program may be changing them at the same time: try again." },
  );
}

/**
 * Where connections live on, NAT's chains stay, and a record that says so: of an installation without rules, made with the
 * programs of those that are `kept`. Otherwise the record goes, also one that does not count.
 */
function removeWhatWasMade(
  netns: NetnsFact,
  record: IptablesRecord | undefined,
  kept: readonly Present[],
): void {
  if (record === undefined) {
    removeRecord(netns);
    return;
  }
  const keepNat = kept.length > 0;
  const applied = kept.map(({ executables }) => {
    const { family, mode } = executables;
    return { family, mode, rules: [], programs: programsOf(executables) };
  });
  const { formerDnsPorts: _, ...rest } = record;
  const gone = { ...rest, applied, unfinished: false, addedPassthroughAddress: false };
  writeRecord(netns, gone);
  const madeHooks = removeHooks(record.madeHooks, keepNat);
  if (keepNat) writeRecord(netns, { ...gone, madeHooks });
  else removeRecord(netns);
}
