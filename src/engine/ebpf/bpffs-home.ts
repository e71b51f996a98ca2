// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { ConfigError, systemErrorCode, TproxyError } from "../../core/errors.ts";
import { finishLeftover, isUnmountedWithout, mountBpffs, unmountBpffs } from "../../host/bpffs.ts";
import { lockBpffs } from "../../host/lock.ts";
import { isBpffs, readMounts } from "../../host/mounts.ts";
import { findHomes, whyNeverFound } from "./find-homes.ts";
import { HOME, isHomeEmpty, makeStaging, removeHome } from "./pin-directory.ts";

/** Where pins go by default; Kuma's path. The only one where we mount a BPF file system ourselves. */
export const DEFAULT_BPFFS = "/run/kuma/bpf";

/*
 * Several network namespaces share a bpffs. Who comes first may have to mount it, and who leaves last unmounts
 * what we mounted. Both hold one lock.
 */

/**
 * @throws TproxyError unless `path` is on a bpffs, or one can be mounted there: ConfigError where there is one
 * elsewhere, else BPFFS_UNUSABLE; ConfigError where it is too deep in one
 */
export function checkBpffs(path: string): void {
  if (isBpffs(path)) requireFindable(path);
  if (path === DEFAULT_BPFFS || isBpffs(path)) return;
  const message = `${path} ${existsSync(path) ? "is not on a BPF file system" : "does not exist"}`;
  const hint = `Mount one (mount -t bpf bpf /sys/fs/bpf) and name it, or leave the option out: one is mounted at ${DEFAULT_BPFFS}.`;
  const mounted = readMounts().some(({ type }) => type === "bpf");
  if (mounted) throw new ConfigError([{ source: "--ebpf-bpffs-path", message }], hint);
  throw new TproxyError("BPFFS_UNUSABLE", `--ebpf-bpffs-path: ${message}`, { hint });
}

/** `status`, the next `install` and `uninstall` do not know the option. */
function requireFindable(path: string): void {
  const why = whyNeverFound(path);
  if (why === undefined) return;
  throw new ConfigError(
    [{ source: "--ebpf-bpffs-path", message: `${path} ${why}` }],
    "What is pinned there would not be found again: name a directory nearer to the mount point.",
  );
}

/**
 * Mounts the file system where that is for us to do, and makes an empty staging directory in it: from then on
 * no other namespace's uninstall takes it for unused.
 */
export async function claimStaging(bpffs: string, cookie: bigint, generation: number): Promise<string> {
  using lock = await lockBpffs();
  finishLeftover(lock);
  if (!isBpffs(bpffs)) mountBpffs(bpffs, lock);
  return makeStaging(bpffs, cookie, generation);
}

/** Removes our home from a bpffs when no installation is in it any more, and the mount if it is ours. */
export async function leaveHome(bpffs: string): Promise<void> {
  using lock = await lockBpffs();
  finishLeftover(lock);
  removeHome(bpffs);
  unmountBpffs(bpffs, lock);
}

/**
 * Leaves the homes where nothing is: a command that was killed on its way from one to another leaves such. But for those
 * whose mount goes with them: `uninstall` finds these, and asks for the capability first.
 */
export async function leaveEmptyHomes(): Promise<void> {
  for (const home of findHomes()) {
    try {
      if (isHomeEmpty(home) && !isUnmountedWithout(home, HOME)) await leaveHome(home);
    } catch (error) {
      // Whose it was has unmounted it meanwhile.
      if (systemErrorCode(error) !== "ENOENT") throw error;
    }
  }
}
