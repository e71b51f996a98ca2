// SPDX-License-Identifier: Apache-2.0
import { readFileSync, realpathSync, statfsSync } from "node:fs";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { cgroup2MountPoints, type MountEntry, mountOf, parseMountinfo } from "./mountinfo.ts";

/** linux/magic.h */
const CGROUP2_SUPER_MAGIC = 0x63677270;
const BPF_FS_MAGIC = 0xcafe4a11;

/** The mounts that this process sees. */
export function readMounts(): MountEntry[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/**
 * The root of the cgroup2 hierarchy, wherever it is mounted, also beside cgroup v1; the part of it that is
 * there where the whole is not (a container). Undefined where cgroup2 is not mounted.
 */
export function findCgroup2Root(): string | undefined {
  // A mount that another one hides stands in mountinfo too.
  return cgroup2MountPoints(readMounts()).find(isCgroup2);
}

/** Whether a path is on cgroup2. False where it does not exist. */
export function isCgroup2(path: string): boolean {
  return fileSystemMagic(path) === CGROUP2_SUPER_MAGIC;
}

/** Whether a path is on a BPF file system. False where it does not exist. */
export function isBpffs(path: string): boolean {
  return fileSystemMagic(path) === BPF_FS_MAGIC;
}

/** The mount that an existing `path` is on. */
export function mountEntryOf(path: string): MountEntry {
  const entry = mountOf(realpathSync(path), readMounts());
  if (entry !== undefined) return entry;
  // The root of a chroot need not be a mount point.
  throw new TproxyError("SYSCALL_FAILED", `cannot find the mount that ${path} is on in /proc/self/mountinfo`);
}

function fileSystemMagic(path: string): number | undefined {
  try {
    return statfsSync(path).type >>> 0;
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new TproxyError("SYSCALL_FAILED", `cannot find out which file system ${path} is on`, { cause });
  }
}
