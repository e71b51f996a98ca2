// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { type Pending, removePending } from "../engine/pending.ts";
import { isAsBefore, isNothing, type PresentState } from "../engine/present-state.ts";
import { clockTime, describeBefore, isWaiting, removeLog, stopWaiting } from "./pending-timer.ts";

/**
 * Whether there is nothing to confirm, and nothing that anybody would put back: who installed was killed before anything was
 * changed, or what would have put back is gone and so is what it would have removed.
 */
export function isOver(pending: Pending, present: PresentState): boolean {
  return isAsBefore(present, pending.before) || (isNothing(present) && !isWaiting(pending));
}

/** Nothing is put back any more. The file first: a timer that cannot be stopped finds nothing to do. */
export async function forget(netns: NetnsFact, pending: Pick<Pending, "timer"> | undefined): Promise<void> {
  removePending(netns);
  await stopWaiting(pending?.timer);
  removeLog(netns);
}

/** What becomes of a change that nobody has confirmed: a clause. */
export function describeOutlook(pending: Pending): string {
  const { failure, deadline, before } = pending;
  if (failure !== undefined) return `putting back what was there before has failed: ${failure}`;
  if (!isWaiting(pending)) return "what would have put back what was there before has been ended";
  return `at ${clockTime(deadline)} ${describeBefore(before)}`;
}

/** Why another change may not be made now. */
export function unconfirmed(pending: Pending, present: PresentState): TproxyError {
  const what = isNothing(present)
    ? "a change that was to be confirmed has left nothing installed"
    : "nobody has confirmed the installation that is there";
  const first = isNothing(present)
    ? "Run `tproxyctl uninstall` first, then nothing is put back"
    : "Run `tproxyctl confirm` first";
  return new TproxyError("UNCONFIRMED", `${what}; ${describeOutlook(pending)}`, {
    hint: `${first}; or give --confirm-within again, which begins that time anew.`,
  });
}
