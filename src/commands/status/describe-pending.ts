// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { readPending } from "../../engine/pending.ts";
import { clockTime, describeBefore, isWaiting, logOf } from "../pending-timer.ts";

/** A change that nobody has confirmed yet. */
export interface ShownPending {
  /** For people, lines. */
  readonly text: readonly string[];
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

export function showPending(netns: NetnsFact): ShownPending | undefined {
  const pending = readPending(netns);
  if (pending === undefined) return undefined;
  const { deadline, before, failure, timer } = pending;
  const waiting = isWaiting(pending);
  const json = {
    putBackAt: new Date(deadline).toISOString(),
    before: before?.engine ?? null,
    waiting,
    ...(failure === undefined ? {} : { failure }),
  };
  const text = `not confirmed yet: at ${clockTime(deadline)} ${describeBefore(before)}, unless \`tproxyctl confirm\` is run`;
  const remedy = "`tproxyctl confirm` keeps what is installed, `tproxyctl uninstall` removes it";
  if (failure !== undefined)
    return {
      json,
      text: [
        `putting back what was not confirmed failed: ${failure}`,
        `  ${remedy}; see ${logOf(netns, timer)}`,
      ],
    };
  if (waiting || Date.now() > deadline) return { json, text: [text] };
  return {
    json,
    text: [text, `  but what waited for that has been ended, so nothing is put back; ${remedy}`],
  };
}
