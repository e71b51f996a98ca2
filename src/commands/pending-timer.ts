// SPDX-License-Identifier: Apache-2.0
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { describeError, systemErrorCode, TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import type { Before, Pending, Timer } from "../engine/pending.ts";
import { endProcess, isRunning, startDetached } from "../host/detached-process.ts";
import { RUN_DIRECTORY, removeIfEmpty } from "../host/run-directory.ts";
import { canUseSystemd, isTimerThere, startTimer, stopTimer } from "../host/systemd-timer.ts";

/** The command that puts back, which nobody else calls. */
export const PUT_BACK = "put-back";

/**
 * Makes sure that `put-back` runs in time, whatever becomes of us and of the session that we are in: where systemd runs
 * what is here, by a timer of its own; elsewhere by a process that waits. One is not tried where the other failed: then
 * nothing is changed.
 *
 * @throws TproxyError CONFIRM_UNUSABLE
 */
export async function startWaiting(netns: NetnsFact, token: string, afterMs: number): Promise<Timer> {
  try {
    if (canUseSystemd()) {
      const unit = `tproxyctl-confirm-${token}`;
      const program = [process.execPath, process.argv[1] ?? ""];
      await startTimer(unit, afterMs, [...program, PUT_BACK, "--pending", token]);
      return { kind: "systemd", unit };
    }
    const args = [PUT_BACK, "--pending", token, "--after", `${afterMs}ms`];
    return { kind: "process", ...(await startDetached(args, logPath(netns))) };
  } catch (cause) {
    if (!(cause instanceof TproxyError)) throw cause;
    throw new TproxyError("CONFIRM_UNUSABLE", `nothing would put back in time: ${describeError(cause)}`, {
      cause,
      hint: "Install without --confirm-within, or see what the message says.",
    });
  }
}

export async function stopWaiting(timer: Timer | undefined): Promise<void> {
  if (timer?.kind === "systemd") await stopTimer(timer.unit);
  if (timer?.kind === "process") endProcess(timer);
}

/** False: nobody will put back, the process was ended or the timer stopped. */
export function isWaiting({ timer }: Pick<Pending, "timer">): boolean {
  return timer.kind === "systemd" ? isTimerThere(timer.unit) : isRunning(timer);
}

/** Where to read what became of it. */
export function logOf(netns: NetnsFact, timer: Timer): string {
  return timer.kind === "systemd" ? `the journal (journalctl -u ${timer.unit})` : logPath(netns);
}

function logPath({ inode }: NetnsFact): string {
  return join(RUN_DIRECTORY, `confirm-${inode}.log`);
}

/** Of what was put back some time ago, or would have been. */
export function removeLog(netns: NetnsFact): void {
  try {
    unlinkSync(logPath(netns));
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "EROFS") return;
    throw new TproxyError("SYSCALL_FAILED", `cannot remove ${logPath(netns)}`, { cause });
  }
  removeIfEmpty(RUN_DIRECTORY);
}

/** Of this host's time zone: HH:MM:SS. */
export function clockTime(milliseconds: number): string {
  return new Date(milliseconds).toTimeString().slice(0, 8);
}

/** Goes with "then". */
export function describeBefore(before: Before | undefined): string {
  return before === undefined
    ? "it is removed, since nothing was there before"
    : `the installation before it (engine: ${before.engine}) is put back`;
}
