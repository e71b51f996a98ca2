// SPDX-License-Identifier: Apache-2.0
import { leaveHome } from "./bpffs-home.ts";
import { asCourtesy } from "./courtesy.ts";
import { detachInstallations } from "./detach.ts";
import { redirectionsOf } from "./dns-memory.ts";
import { releaseDnsSockets } from "./dns-sockets.ts";
import type { Installed } from "./installed.ts";
import { listPinDirectories, removePinDirectory } from "./pin-directory.ts";
import { Predecessors } from "./predecessors.ts";

export interface RemoveOptions {
  /** ::6 stays on lo: whoever takes over needs it. */
  readonly keepPassthroughAddress?: boolean;
  /** Takes what the user should know, one sentence each. */
  readonly note?: (line: string) => void;
}

/** Removes everything of one network namespace from a bpffs. Returns how many installations there were. */
export async function removeAll(bpffs: string, cookie: bigint, options: RemoveOptions = {}): Promise<number> {
  const directories = listPinDirectories(bpffs, cookie);
  using found = new Predecessors(directories);
  await removeInstallations(found.all, options);
  await leaveHome(bpffs);
  return directories.filter((directory) => directory.state === "installed").length;
}

/** Removes installations, and what was left of them, after which there is none. */
export async function removeInstallations(
  gone: readonly Installed[],
  { keepPassthroughAddress = false, note }: RemoveOptions = {},
): Promise<void> {
  await detachInstallations(gone, undefined, keepPassthroughAddress);
  try {
    for (const line of gone.flatMap(releaseSockets)) note?.(line);
  } finally {
    for (const { path } of gone) removePinDirectory(path);
  }
}

/** Nobody goes on with its sockets. One that was killed early has no map to tell of them: it has not redirected any. */
export function releaseSockets(installed: Installed): string[] {
  return asCourtesy(() => {
    const redirections = redirectionsOf([installed.record]);
    const sockets = redirections.length === 0 ? undefined : installed.findMap("tp_sockets");
    return sockets === undefined ? [] : releaseDnsSockets({ sockets, redirections, inherited: false });
  });
}
