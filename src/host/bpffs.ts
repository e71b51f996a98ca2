// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, realpathSync } from "node:fs";
import { describeError, TproxyError } from "../core/errors.ts";
import { ERRNO } from "../native/errno.ts";
import { MS, mount, umount2 } from "../native/mounts.ts";
import { lockFile } from "./file-lock.ts";
import { isBpffs, mountPointOf } from "./mounts.ts";

const MOUNT_TIMEOUT_MS = 10_000;

/**
 * Sees to it that a directory is on a BPF file system: makes the directory (0700) and mounts one there if it
 * is not. Returns whether it mounted. Two that do so at a time mount once: the second mount would hide what the
 * first program pinned. Throws BPFFS_UNUSABLE, also for a directory with files in it, which a mount would hide.
 */
export async function mountBpffs(path: string): Promise<boolean> {
  if (isBpffs(path)) return false;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // The lock is on the directory below the mount; who waited for it finds the mount.
    using _lock = await lockFile(path, MOUNT_TIMEOUT_MS);
    if (isBpffs(path)) return false;
    requireEmpty(path);
    mount({
      source: "bpf",
      target: path,
      type: "bpf",
      flags: MS.NOSUID | MS.NODEV | MS.NOEXEC,
      data: "mode=0700",
    });
    return true;
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/**
 * Unmounts the BPF file system at `path` if nothing is pinned in it: the kernel would drop all pins, those of
 * others too. Returns whether it did: false where none is mounted at that very path, or somebody has pins there.
 * The directory stays: only the caller knows whether it was there before. Lazily: a shell that stands in it is no
 * reason to leave it there.
 */
export function unmountBpffs(path: string): boolean {
  if (!isBpffs(path) || mountPointOf(path) !== realpathSync(path) || hasPins(path)) return false;
  umount2(path, { lazy: true });
  return true;
}

/** What the kernel puts into a bpffs by itself (CONFIG_BPF_PRELOAD, Linux 5.10). */
const PRELOADED = ["maps.debug", "progs.debug"];

function hasPins(path: string): boolean {
  return readdirSync(path).some((name) => !PRELOADED.includes(name));
}

function requireEmpty(path: string): void {
  if (readdirSync(path).length === 0) return;
  throw new TproxyError(
    "BPFFS_UNUSABLE",
    `${path} is on no BPF file system, and a mount would hide the files in it`,
    {
      hint: "Give --ebpf-bpffs-path a directory on a BPF file system, or an empty or new one.",
    },
  );
}

function unusable(path: string, cause: unknown): TproxyError {
  if (cause instanceof TproxyError && cause.code === "BPFFS_UNUSABLE") return cause;
  const message = `cannot mount a BPF file system at ${path}: ${describeError(cause)}`;
  const refused = cause instanceof TproxyError && cause.errno === ERRNO.EPERM;
  return new TproxyError("BPFFS_UNUSABLE", message, {
    cause,
    hint: refused
      ? "Mounting needs CAP_SYS_ADMIN: add it, or mount one first (mount -t bpf bpf /sys/fs/bpf)."
      : "Mount one yourself (mount -t bpf bpf /sys/fs/bpf) and name it with --ebpf-bpffs-path.",
  });
}
