// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { findLeftovers } from "../engine/leftovers/find.ts";
import { describeLeftover, isSameLeftover, type Leftover } from "../engine/leftovers/leftover.ts";
import { removeLeftovers } from "../engine/leftovers/remove.ts";
import { readNetns } from "../engine/netns.ts";
import { lockNamespace } from "../host/lock.ts";
import type { CommandIo } from "./io.ts";
import type { UninstallOptions } from "./options.ts";
import { requireRoot } from "./require-root.ts";

/** Asks a question that is answered with yes or no; undefined where nobody is there to answer. */
export type Ask = (question: string) => Promise<boolean | undefined>;

/**
 * Removes what Kuma's eBPF engine and merbridge left, and nothing else: the installation of this network namespace stays.
 * Exit status 0: nothing of it is there; 1: it was not to be removed.
 *
 * @throws TproxyError CONFIRMATION_NEEDED without a terminal and --yes, LEFTOVERS_REMAIN
 */
export async function runUninstallLeftovers(
  options: UninstallOptions,
  io: CommandIo,
  ask: Ask,
): Promise<number> {
  requireRoot("uninstall");
  if (options.yes || options.dryRun) return withoutAsking(options, io);
  // Without the lock, which others wait for: who is asked may take long to answer.
  const shown = findLeftovers();
  if (shown.length === 0) return nothingLeft(io);
  for (const leftover of shown) io.note(describeLeftover(leftover));
  const answer = await ask(`remove ${shown.length === 1 ? "this" : `these ${shown.length}`}? [y/N] `);
  if (answer === undefined) throw nobodyThere(shown.length);
  if (!answer) {
    io.out("# nothing was removed");
    return 1;
  }
  using _lock = await lockNamespace(readNetns().inode);
  const isShown = (each: Leftover) => shown.some((other) => isSameLeftover(other, each));
  const { shown: wanted = [], others = [] } = Object.groupBy(findLeftovers(), (each) =>
    isShown(each) ? "shown" : "others",
  );
  await remove(wanted, io);
  if (others.length > 0) throw cameMeanwhile(others);
  return 0;
}

async function withoutAsking({ dryRun }: UninstallOptions, io: CommandIo): Promise<number> {
  using _lock = dryRun ? undefined : await lockNamespace(readNetns().inode);
  const leftovers = findLeftovers();
  if (leftovers.length === 0) return nothingLeft(io);
  const lines = leftovers.map(describeLeftover);
  if (dryRun) {
    io.out("# dry run: this is what would be removed, nothing was changed");
    for (const line of lines) io.out(line);
    return 0;
  }
  await remove(leftovers, io);
  for (const line of lines) io.note(`# removed: ${line}`);
  return 0;
}

function nothingLeft(io: CommandIo): number {
  io.out("# nothing of Kuma's eBPF engine or of merbridge is left here");
  return 0;
}

async function remove(leftovers: readonly Leftover[], io: CommandIo): Promise<void> {
  await removeLeftovers(leftovers);
  io.out(`# removed what others left: ${leftovers.length}`);
}

function cameMeanwhile(others: readonly Leftover[]): TproxyError {
  const lines = others.map(describeLeftover).join("; ");
  return new TproxyError("LEFTOVERS_REMAIN", `these were not there when it was asked: ${lines}`, {
    hint: "Run `tproxyctl uninstall --leftovers` again, which shows them.",
  });
}

function nobodyThere(count: number): TproxyError {
  return new TproxyError(
    "CONFIRMATION_NEEDED",
    `there are ${count} leftovers, listed above, and no terminal to ask whether to remove them`,
    {
      hint: "`tproxyctl uninstall --leftovers --yes` removes them without asking; --dry-run only lists them.",
    },
  );
}
