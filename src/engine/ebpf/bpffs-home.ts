// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import { mountBpffs, unmountBpffs } from "../../host/bpffs.ts";
import { lockBpffs } from "../../host/lock.ts";
import { isBpffs } from "../../host/mounts.ts";
import { HOME, makeStaging } from "./pin-directory.ts";

/** Where pins go by default; Kuma's path. The only one where we mount a BPF file system ourselves. */
export const DEFAULT_BPFFS = "/run/kuma/bpf";

/*
 * Several network namespaces share a bpffs. Who comes first may have to mount it, and who leaves last unmounts
 * what we mounted: an empty directory in our home says that we did, and how many directories we made for it.
 */
const OWN_MOUNT = /^own-mount-(\d+)$/;

/** @throws TproxyError BPFFS_UNUSABLE unless `path` is on a bpffs, or one can be mounted there. */
export function checkBpffs(path: string): void {
  if (path === DEFAULT_BPFFS || isBpffs(path)) return;
  const what = existsSync(path) ? "is not on a BPF file system" : "does not exist";
  throw new TproxyError("BPFFS_UNUSABLE", `--ebpf-bpffs-path: ${path} ${what}`, {
    hint: `Mount one (mount -t bpf bpf /sys/fs/bpf) and name it, or leave the option out: one is mounted at ${DEFAULT_BPFFS}.`,
  });
}

/**
 * Mounts the file system where that is for us to do, and makes an empty staging directory in it: from then on
 * no other namespace's uninstall takes it for unused.
 */
export async function claimStaging(bpffs: string, cookie: bigint, generation: number): Promise<string> {
  using _lock = await lockBpffs();
  if (!isBpffs(bpffs)) await mountOurOwn(bpffs);
  return makeStaging(bpffs, cookie, generation);
}

async function mountOurOwn(bpffs: string): Promise<void> {
  const made = missingDirectories(bpffs);
  try {
    await mountBpffs(bpffs);
    mkdirSync(join(bpffs, HOME, `own-mount-${made}`), { recursive: true, mode: 0o700 });
  } catch (error) {
    removeDirectories(bpffs, made);
    throw error;
  }
}

/** Removes our home from a bpffs when no installation is in it any more, and what we mounted. */
export async function leaveHome(bpffs: string): Promise<void> {
  using _lock = await lockBpffs();
  const home = join(bpffs, HOME);
  if (!isBpffs(bpffs) || !existsSync(home)) return;
  const [marker, ...others] = readdirSync(home);
  if (others.length > 0 || (marker !== undefined && !OWN_MOUNT.test(marker))) return;
  if (marker !== undefined) rmdirSync(join(home, marker));
  rmdirSync(home);
  if (marker === undefined || !unmountBpffs(bpffs)) return;
  removeDirectories(bpffs, Number(OWN_MOUNT.exec(marker)?.[1]));
}

/** How many directories `mkdir -p` would make. */
function missingDirectories(path: string): number {
  return existsSync(path) ? 0 : 1 + missingDirectories(dirname(path));
}

/** Removes the innermost `count` directories of a path, as far as they are empty. */
function removeDirectories(path: string, count: number): void {
  if (count === 0) return;
  try {
    rmdirSync(path);
  } catch (cause) {
    if (["ENOTEMPTY", "ENOENT"].includes(systemErrorCode(cause) ?? "")) return;
    throw new TproxyError(
      "SYSCALL_FAILED",
      `cannot remove the directory ${path}, which the installation made`,
      { cause },
    );
  }
  removeDirectories(dirname(path), count - 1);
}
