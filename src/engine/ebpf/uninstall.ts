// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_BPFFS, leaveHome } from "./bpffs-home.ts";
import { findHomes } from "./find-homes.ts";
import { Installed } from "./installed.ts";
import { removeAll } from "./remove.ts";
import { type InstanceStatus, readStatus } from "./status.ts";

/** Removes what the engine has in a network namespace, on every bpffs or on the one given. Returns the paths. */
export async function uninstallEbpf(cookie: bigint, bpffs: string | undefined): Promise<string[]> {
  const homes = homesOf(cookie, bpffs);
  for (const home of homes) await removeAll(home, cookie);
  // An installation, or its removal, may have been killed when nothing but the mount was there.
  if (!homes.includes(DEFAULT_BPFFS)) await leaveHome(DEFAULT_BPFFS);
  return homes;
}

/** The installations of a network namespace; more than one is a mistake that `status` shows. */
export function statusOfEbpf(cookie: bigint, bpffs: string | undefined): InstanceStatus[] {
  const found: InstanceStatus[] = [];
  for (const home of homesOf(cookie, bpffs)) {
    using installed = Installed.find(home, cookie);
    if (installed !== undefined) found.push(readStatus(installed));
  }
  return found;
}

function homesOf(cookie: bigint, bpffs: string | undefined): string[] {
  return bpffs === undefined ? findHomes(cookie) : [bpffs];
}
