// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { findLeftovers } from "../engine/leftovers/find.ts";
import { describeLeftover } from "../engine/leftovers/leftover.ts";
import { removeLeftovers } from "../engine/leftovers/remove.ts";
import { lockNamespace } from "../host/lock.ts";
import { readNetns } from "../host/netns.ts";
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
  using _lock = options.dryRun ? undefined : await lockNamespace(readNetns().inode);
  const leftovers = findLeftovers();
  if (leftovers.length === 0) {
    io.out("# nothing of Kuma's eBPF engine or of merbridge is left here");
    return 0;
  }
  const lines = leftovers.map(describeLeftover);
  if (options.dryRun) {
    io.out("# dry run: this is what would be removed, nothing was changed");
    for (const line of lines) io.out(line);
    return 0;
  }
  if (!options.yes) {
    for (const line of lines) io.note(line);
    const answer = await ask(
      `remove ${leftovers.length === 1 ? "this" : `these ${leftovers.length}`}? [y/N] `,
    );
    if (answer === undefined) throw nobodyThere(leftovers.length);
    if (!answer) {
      io.out("# nothing was removed");
      return 1;
    }
  }
  await removeLeftovers(leftovers);
  for (const line of options.yes ? lines : []) io.note(`# removed: ${line}`);
  io.out(`# removed what others left: ${leftovers.length}`);
  return 0;
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
