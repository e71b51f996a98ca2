// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { type Finding, finding } from "../../engine/finding.ts";
import { type Pending, readPending } from "../../engine/pending.ts";
import { isAsBefore, type PresentState } from "../../engine/present-state.ts";
import { describeOutlook } from "../pending-state.ts";
import { isWaiting, logOf } from "../pending-timer.ts";

/** A change that nobody has confirmed yet. */
export interface ShownPending {
  /** For people, lines. */
  readonly text: readonly string[];
  readonly findings: readonly Finding[];
  readonly json: {
    /** ISO 8601. */
    readonly putBackAt: string;
    /** What was there before: an engine, or nothing. */
    readonly before: string | null;
    /** Something waits to put back in time. */
    readonly waiting: boolean;
    /** Why putting back failed; it is not tried again. */
    readonly failure?: string;
  };
}

/** Undefined also where all is as it was before, and nobody would do anything. */
export function showPending(netns: NetnsFact, present: PresentState): ShownPending | undefined {
  const pending = readSettled(netns);
  if (pending === undefined) return undefined;
  const { deadline, before, failure } = pending;
  const waiting = isWaiting(pending);
  const asBefore = isAsBefore(present, before);
  if (asBefore && !waiting) return undefined;
  const json = {
    putBackAt: new Date(deadline).toISOString(),
    before: before?.engine ?? null,
    waiting,
    ...(failure === undefined ? {} : { failure }),
  };
  if (!waiting || failure !== undefined) return { json, text: [], findings: [findingOf(netns, pending)] };
  const text = asBefore
    ? "a change that was to be confirmed did not come about: all is as it was before"
    : `not confirmed yet: ${describeOutlook(pending)}, unless \`tproxyctl confirm\` is run`;
  return { json, text: [text], findings: [] };
}

/** Without a lock: what waited may have put back, and have ended, since the file was read. */
function readSettled(netns: NetnsFact): Pending | undefined {
  const pending = readPending(netns);
  return pending === undefined || isWaiting(pending) ? pending : readPending(netns);
}

function findingOf(netns: NetnsFact, pending: Pending): Finding {
  const { failure, timer } = pending;
  const message = `nobody has confirmed the last change, and ${describeOutlook(pending)}`;
  const remedy = "`tproxyctl confirm` keeps what is installed, `tproxyctl uninstall` removes it.";
  if (failure === undefined) return finding("put-back-gone", message, remedy);
  return finding("put-back-failed", message, `${remedy.slice(0, -1)}; see ${logOf(netns, timer)}.`);
}
