// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { removeLoopbackAddress } from "../../host/addresses.ts";
import { PASSTHROUGH_ADDRESS } from "../../plan/plan.ts";
import type { Executables } from "./executables.ts";
import { removeHooks } from "./hooks.ts";
import { KEEPER_LINES } from "./keep-connections.ts";
import { countLive, noteCut } from "./live-connections.ts";
import { hasOurs, lookAtAll, type Present } from "./look.ts";
import { requireReadable } from "./readable.ts";
import { type IptablesRecord, readRecord, removeRecord, writeRecord } from "./record.ts";
import { type RestoreOptions, restoreRules } from "./restore.ts";
import { removeRules } from "./transaction.ts";

export interface RemoveOptions {
  /** ::6 stays on lo: whoever takes over needs it. */
  readonly keepPassthroughAddress?: boolean;
  /** Connections that were redirected live on, with what that needs: for whoever takes over. Else they end. */
  readonly keepConnections?: boolean;
}

/**
 * Removes everything of ours, and of kumactl, from a network namespace; where nothing is, that is well.
 *
 * @returns what the user should know, one sentence each
 */
export async function removeAll(
  netns: NetnsFact,
  all: readonly Executables[],
  restore: RestoreOptions,
  { keepPassthroughAddress = false, keepConnections = false }: RemoveOptions = {},
): Promise<string[]> {
  const record = readRecord(netns);
  const present = await lookAtAll(all, record);
  for (const each of present) requireReadable(each, [], record);
  const live = await countLive(present, record);
  const keep = keepConnections && live > 0;
  const instead = keep ? KEEPER_LINES : [];
  for (const each of present.filter(hasOurs))
    await restoreRules(each.executables, removeRules(each.ours, instead), restore);
  if (!keepPassthroughAddress && (record?.addedPassthroughAddress ?? hasIpv6Rules(present)))
    await removeLoopbackAddress(PASSTHROUGH_ADDRESS);
  removeWhatWasMade(netns, record, keep);
  return live === 0 || keepConnections ? [] : [noteCut(live)];
}

/** With connections that live on, NAT's chains stay, and a record that says so: of an installation without rules. */
function removeWhatWasMade(netns: NetnsFact, record: IptablesRecord | undefined, keepNat: boolean): void {
  if (record === undefined) return;
  const gone = { ...record, applied: [], unfinished: false, addedPassthroughAddress: false };
  writeRecord(netns, gone);
  const madeHooks = removeHooks(record.madeHooks, keepNat);
  if (keepNat) writeRecord(netns, { ...gone, madeHooks });
  else removeRecord(netns);
}

/** kumactl gives lo the address ::6 and never takes it away: without a record, it goes with the rules for it. */
function hasIpv6Rules(present: readonly Present[]): boolean {
  return present.some((each) => each.executables.family === 6 && hasOurs(each));
}
