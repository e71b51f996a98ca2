// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { DEFAULT_BPFFS } from "./bpffs-home.ts";
import { findHomes, findHomesOf } from "./find-homes.ts";
import { listPinDirectories } from "./pin-directory.ts";
import { Predecessors } from "./predecessors.ts";
import { type RemoveOptions, removeAll } from "./remove.ts";
import { type InstanceStatus, readStatus } from "./status.ts";

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

/**
 * The installations of a network namespace, the one that counts first; more than one, on several bpffs, is the mark of a
 * command that was killed.
 */
export function statusOfEbpf({ cookie }: NetnsFact, bpffs: string | undefined): InstanceStatus[] {
  if (cookie === undefined) return [];
  const found: { readonly generation: number; readonly status: InstanceStatus }[] = [];
  for (const home of homesOf(cookie, bpffs)) {
    using there = new Predecessors(listPinDirectories(home, cookie));
    if (there.current === undefined) continue;
    found.push({ generation: there.current.generation, status: readStatus(there.current) });
  }
  return found.toSorted((a, b) => b.generation - a.generation).map(({ status }) => status);
}

function homesOf(cookie: bigint, bpffs: string | undefined): string[] {
  return bpffs === undefined ? findHomesOf(cookie) : [bpffs];
}
