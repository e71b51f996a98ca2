// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../core/facts.ts";
import { readPins } from "./ebpf/half.ts";
import type { Finding } from "./finding.ts";
import type { IptablesEngine } from "./iptables/engine.ts";
import { type InstallationStatus, isWhole, joinStatus, stateFindings } from "./join-status.ts";
import type { Before } from "./pending.ts";

/** All that is there of ours in a network namespace, to be compared with what was there. */
export interface PresentState {
  /** More than one is the mark of a change of engine that did not end. */
  readonly installations: readonly InstallationStatus[];
  /** Of what is no installation: half of one. */
  readonly halves: readonly Finding[];
}

/** Changes nothing; needs root. */
export async function readPresentState(netns: NetnsFact, iptables: IptablesEngine): Promise<PresentState> {
  const { instances, findings } = readPins(netns, undefined);
  return { installations: joinStatus(instances, await iptables.status(netns)), halves: findings };
}

export function isNothing({ installations, halves }: PresentState): boolean {
  return installations.length === 0 && halves.length === 0;
}

/** Whether there is nothing to put back: all of what was there before, and nothing else. */
export function isAsBefore(present: PresentState, before: Before | undefined): boolean {
  if (before === undefined) return isNothing(present);
  const [status, ...others] = present.installations;
  if (status === undefined || others.length > 0 || present.halves.length > 0) return false;
  return status.engine === before.engine && isWhole(status) && isSame(status.record?.config, before.config);
}

/** Whether nothing was changed between two looks, or all of it was taken back: damage that was there counts for no change. */
export function isUnchanged(before: PresentState, now: PresentState): boolean {
  return isSame(essenceOf(before), essenceOf(now));
}

function essenceOf({ installations, halves }: PresentState): unknown {
  const each = installations.map((status) => [status.engine, status.record?.config, stateFindings(status)]);
  return [each, halves];
}

/** Both were made, or read, by the same program: their fields are in the same order. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
