// SPDX-License-Identifier: Apache-2.0
import { hasLoopbackAddress } from "../../host/addresses.ts";
import { PASSTHROUGH_ADDRESS } from "../../plan/plan.ts";
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
    for (const line of [...noteLostRecords(gone), ...gone.flatMap(releaseSockets)]) note?.(line);
  } finally {
    for (const { path } of gone) removePinDirectory(path);
  }
}

/** What was added without a pin is not known to be ours: it stays. To be asked while the pins are there. */
export function noteLostRecords(gone: readonly Installed[]): string[] {
  const lost = gone.filter((each) => each.hasLostRecord);
  const left = [
    ...(lost.length > 0 && hasLoopbackAddress(PASSTHROUGH_ADDRESS)
      ? ["::6 on lo (ip address del ::6/128 dev lo)"]
      : []),
    ...new Set(
      lost.flatMap(({ record }) =>
        record.filters.map((each) => `the clsact qdisc (tc qdisc del dev ${each.interface} clsact)`),
      ),
    ),
  ];
  if (left.length === 0) return [];
  return [
    `the record in ${lost.map(({ path }) => path).join(", ")} cannot be read, so it is not known what of this the ` +
      `installation added: it stays, and may be removed by hand: ${left.join(", ")}`,
  ];
}

/** Nobody goes on with its sockets. One that was killed early has no map to tell of them: it has not redirected any. */
export function releaseSockets(installed: Installed): string[] {
  return asCourtesy(() => {
    const redirections = redirectionsOf([installed.record]);
    const sockets = redirections.length === 0 ? undefined : installed.findMap("tp_sockets");
    return sockets === undefined ? [] : releaseDnsSockets({ sockets, redirections, inherited: false });
  });
}
