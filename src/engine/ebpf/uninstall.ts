// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { DEFAULT_BPFFS } from "./bpffs-home.ts";
import { findHomes } from "./find-homes.ts";
import { readPins } from "./half.ts";
import { type RemoveOptions, removeAll } from "./remove.ts";
import type { InstanceStatus } from "./status.ts";

/**
 * Removes what the engine has in a network namespace, on every bpffs or on the one given. Returns where that was.
 * What a command that was killed left without an installation goes too: an empty directory, a mount.
 */
export async function uninstallEbpf(
  { cookie }: NetnsFact,
  bpffs: string | undefined,
  options: RemoveOptions = {},
): Promise<string[]> {
  if (cookie === undefined) return []; // nothing can have been installed
  const homes = new Set(bpffs === undefined ? [...findHomes(), DEFAULT_BPFFS] : [bpffs]);
  const removed: string[] = [];
  for (const home of homes) if ((await removeAll(home, cookie, options)) > 0) removed.push(home);
  return removed;
}

/** The installations of a network namespace, the one that counts first. */
export function statusOfEbpf(netns: NetnsFact, bpffs: string | undefined): readonly InstanceStatus[] {
  return readPins(netns, bpffs).instances;
}
