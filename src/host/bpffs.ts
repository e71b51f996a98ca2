// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, realpathSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { describeError, systemErrorCode, TproxyError } from "../core/errors.ts";
import { ERRNO } from "../native/errno.ts";
import { MS, mount, umount2 } from "../native/mounts.ts";
import type { Journal } from "./lock.ts";
import { isBpffs, mountEntryOf } from "./mounts.ts";
import { findDistrust } from "./trusted-path.ts";

/** Begins the source of a mount of ours: `/proc/self/mountinfo` says whose it is from its first moment on. */
const OURS = "tproxyctl";

/**
 * Mounts a BPF file system at a directory, which is made (0700) where it is not there. Throws BPFFS_UNUSABLE, also
 * for a directory with files in it, which a mount would hide. The caller holds the lock.
 */
export function mountBpffs(path: string, journal: Pick<Journal, "intend"> = NO_JOURNAL): void {
  const made = missingDirectories(path);
  journal.intend(`${made} ${path}`);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    requireMountable(path);
    // The source tells how many directories to remove with the mount.
    const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
    mount({ source: `${OURS}-${made}`, target: path, type: "bpf", flags, data: "mode=0700" });
  } catch (cause) {
    removeDirectories(path, made);
    throw unusable(path, cause);
  }
}

/**
 * Unmounts what `mountBpffs` mounted at `path` if nothing is pinned in it (the kernel would drop all pins, those of
 * others too), and removes the directories that were made for it. False where something else is mounted, or nothing.
 * Lazily: a shell that stands in it is no reason to leave it there. The caller holds the lock.
 */
export function unmountBpffs(path: string, journal: Pick<Journal, "intend"> = NO_JOURNAL): boolean {
  const made = directoriesMadeFor(path);
  if (made === undefined || hasPins(path)) return false;
  journal.intend(`${made} ${path}`);
  unmount(path);
  removeDirectories(path, made);
  return true;
}

/** Whether `unmountBpffs` would unmount it, if the directory `home` in it were gone. */
export function isUnmountedWithout(path: string, home: string): boolean {
  return directoriesMadeFor(path) !== undefined && !hasPins(path, [...PRELOADED, home]);
}

/** How many directories were made for a mount of ours; undefined where it is somebody else's, or none. */
function directoriesMadeFor(path: string): number | undefined {
  if (!isBpffs(path)) return undefined;
  const { mountPoint, source } = mountEntryOf(path);
  const made = new RegExp(`^${OURS}-(\\d+)$`).exec(source)?.[1];
  return made === undefined || mountPoint !== realpathSync(path) ? undefined : Number(made);
}

function unmount(path: string): void {
  try {
    umount2(path, { lazy: true });
  } catch (cause) {
    if (!(cause instanceof TproxyError) || cause.errno !== ERRNO.EPERM) throw cause;
    throw new TproxyError(
      "CAPABILITY_MISSING",
      `all else is removed; unmounting the BPF file system at ${path}, which the installation mounted, needs CAP_SYS_ADMIN`,
      {
        cause,
        hint: `Run \`tproxyctl uninstall\` again with that capability, or unmount it (umount ${path}).`,
      },
    );
  }
}

/** Removes the directories of a holder of the lock that was killed between making them and mounting, or unmounting. */
export function finishLeftover({ leftover }: Pick<Journal, "leftover">): void {
  const [, made, path] = /^(\d+) (\/.*)$/.exec(leftover) ?? [];
  // What is mounted says by itself how many directories belong to it.
  if (path !== undefined && !isBpffs(path)) removeDirectories(path, Number(made));
}

const NO_JOURNAL = { intend: () => {} };

/** How many directories `mkdir -p` would make. */
function missingDirectories(path: string): number {
  return existsSync(path) ? 0 : 1 + missingDirectories(dirname(path));
}

/** Removes the innermost `count` directories of a path, as far as they are there and empty. */
function removeDirectories(path: string, count: number): void {
  if (count === 0) return;
  try {
    rmdirSync(path);
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOTEMPTY") return;
    const message = `cannot remove the directory ${path}, which the installation made`;
    if (code !== "ENOENT") throw new TproxyError("SYSCALL_FAILED", message, { cause });
  }
  removeDirectories(dirname(path), count - 1);
}

/** What the kernel puts into a bpffs by itself (CONFIG_BPF_PRELOAD, Linux 5.10). */
const PRELOADED = ["maps.debug", "progs.debug"];

function hasPins(path: string, apartFrom: readonly string[] = PRELOADED): boolean {
  return readdirSync(path).some((name) => !apartFrom.includes(name));
}

/**
 * @param existing as much of `path` as is there
 * @throws TproxyError BPFFS_UNUSABLE where a mount at `path` could go elsewhere, or would hide something
 */
export function requireMountable(path: string, existing = path): void {
  requireOurs(path, existing);
  if (existing !== path || readdirSync(path).length === 0) return;
  throw new TproxyError(
    "BPFFS_UNUSABLE",
    `${path} is on no BPF file system, and a mount would hide the files in it`,
    { hint: "Empty that directory, or name one on a BPF file system with --ebpf-bpffs-path." },
  );
}

/** A mount goes where a symbolic link leads: whoever may put one there could have it hide any directory. */
function requireOurs(path: string, existing: string): void {
  const distrust = findDistrust(existing);
  if (distrust === undefined) return;
  throw new TproxyError("BPFFS_UNUSABLE", `no BPF file system is mounted at ${path}: ${distrust}`, {
    hint: "Give that directory to root alone (chown root, chmod go-w), or name one on a BPF file system with --ebpf-bpffs-path.",
  });
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
