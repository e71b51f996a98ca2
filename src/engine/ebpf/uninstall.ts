// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { isUnmountedWithout } from "../../host/bpffs.ts";
import { requireCapabilities } from "../../host/capabilities.ts";
import { DEFAULT_BPFFS } from "./bpffs-home.ts";
import { cookieOfPins, findHomes } from "./find-homes.ts";
import { readPins, readRecords } from "./half.ts";
import { HOME, isAloneIn, listPinDirectories } from "./pin-directory.ts";
import type { InstanceRecord } from "./record.ts";
import { type RemoveOptions, removeAll } from "./remove.ts";
import type { InstanceStatus } from "./status.ts";

/**
 * Removes what the engine has in a network namespace, on every bpffs or on the one given. Returns where that was.
 * What a command that was killed left without an installation goes too: an empty directory, a mount.
 */
export async function uninstallEbpf(
  netns: NetnsFact,
  bpffs: string | undefined,
  options: RemoveOptions = {},
): Promise<string[]> {
  const homes = new Set(bpffs === undefined ? [...findHomes(), DEFAULT_BPFFS] : [bpffs]);
  const cookie = cookieOfPins(netns, homes);
  if (cookie === undefined) return [];
  requireRemoval(cookie, homes);
  const removed: string[] = [];
  for (const home of homes) if ((await removeAll(home, cookie, options)) > 0) removed.push(home);
  return removed;
}

/**
 * Half a removal is none: what all of it needs is asked for before any of it is done.
 *
 * @param homes where that may be; by default everywhere
 * @throws TproxyError CAPABILITY_MISSING
 */
export function requireRemoval(cookie: bigint, homes: Iterable<string> = findHomes()): void {
  const involved = [...homes].filter((home) => listPinDirectories(home, cookie).length > 0);
  if (involved.length === 0) return;
  const unmounts = involved.some((home) => isAloneIn(home, cookie) && isUnmountedWithout(home, HOME));
  requireCapabilities("the eBPF engine", unmounts ? ["ebpf", "mount-bpffs"] : ["ebpf"]);
}

/** The installations of a network namespace, the one that counts first. */
export function statusOfEbpf(netns: NetnsFact, bpffs: string | undefined): readonly InstanceStatus[] {
  return readPins(netns, bpffs).instances;
}

/** Of all that there is in a network namespace, half installations too; that of the installation that counts first. */
export function recordsOfEbpf(netns: NetnsFact): readonly InstanceRecord[] {
  return readRecords(netns);
}
