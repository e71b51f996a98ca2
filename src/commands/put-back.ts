// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import { configOfWritten } from "../config/config-of-written.ts";
import { describeError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { readNetns } from "../engine/netns.ts";
import { type Pending, readPending, removePending, writePending } from "../engine/pending.ts";
import { tellReady } from "../host/detached-process.ts";
import { leaveSession } from "../host/leave-session.ts";
import { type LockOptions, lockNamespace } from "../host/lock.ts";
import { installLocked } from "./install.ts";
import type { CommandIo } from "./io.ts";
import type { PutBackOptions } from "./options.ts";
import { describeBefore } from "./pending-timer.ts";
import { requireRoot } from "./require-root.ts";
import { removeLocked } from "./uninstall.ts";

/** Before another try, in milliseconds. What keeps it from succeeding may be over soon: a name service, a program. */
const PAUSES = [1000, 2000, 4000, 8000, 16_000];

/** Whoever has the lock is at work, or waits for something: that is no failure of ours. */
const HOWEVER_LONG: LockOptions = { timeoutMs: Number.POSITIVE_INFINITY };

/**
 * Puts everything back as it was before a change that nobody confirmed: that which was installed, or nothing. Run by a timer
 * that was started before the change. Exit status 0: it is as it was, or there was nothing to do.
 */
export async function runPutBack({ token, afterMs }: PutBackOptions, io: CommandIo): Promise<number> {
  requireRoot("put-back");
  const log: CommandIo = { out: (line) => io.note(stamp(line)), note: (line) => io.note(stamp(line)) };
  if (afterMs !== undefined) {
    // Nobody's logging out is meant for it.
    process.on("SIGHUP", () => {});
    leaveSession();
    tellReady();
    await setTimeout(afterMs);
  }
  const netns = readNetns();
  for (const pause of [...PAUSES, undefined]) {
    try {
      return await putBack(netns, token, log);
    } catch (error) {
      log.note(`error: putting back failed: ${describeError(error)}`);
      if (pause === undefined) return giveUp(netns, token, describeError(error), log);
      await setTimeout(pause);
    }
  }
  return 1;
}

async function putBack(netns: NetnsFact, token: string, io: CommandIo): Promise<number> {
  using _lock = await lockNamespace(netns.inode, HOWEVER_LONG);
  const pending = findPending(netns, token);
  if (pending === undefined) return 0;
  const { before } = pending;
  io.note(`nobody confirmed the last change: ${describeBefore(before)}`);
  if (before === undefined)
    await removeLocked(netns, { bpffsPath: undefined, verbose: false, keepStored: true }, io);
  else await installLocked({ ...configOfWritten(before.config), engine: before.engine }, io);
  removePending(netns);
  return 0;
}

/** `status` says so. Whoever comes next decides: it may be confirmed, or removed. */
async function giveUp(netns: NetnsFact, token: string, failure: string, io: CommandIo): Promise<number> {
  io.note("error: it is not tried again; `tproxyctl uninstall` removes what is installed");
  using _lock = await lockNamespace(netns.inode, HOWEVER_LONG);
  const pending = findPending(netns, token);
  if (pending !== undefined) writePending(netns, { ...pending, failure });
  return 1;
}

/** Undefined: it was confirmed, extended or removed meanwhile. */
function findPending(netns: NetnsFact, token: string): Pending | undefined {
  const pending = readPending(netns);
  return pending?.token === token ? pending : undefined;
}

function stamp(line: string): string {
  return `${new Date().toISOString()} ${line}`;
}
