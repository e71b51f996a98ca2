// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { findCgroup2Root, isCgroup2 } from "./mounts.ts";

/** Whether a process is in a cgroup2 or below it. False where it has ended, or the cgroup has gone. */
export function isInCgroup(pid: number, cgroup: string): boolean {
  const root = findCgroup2Root();
  const path = parseCgroup2(readCgroups(pid));
  const wanted = unlessGone(() => realpathSync(cgroup));
  if (root === undefined || path === undefined || wanted === undefined) return false;
  return `${join(root, path)}/`.startsWith(`${wanted}/`);
}

/**
 * The cgroups that this process is in, the innermost first, as far as they are to be seen: its own, and the root. One that
 * sockets of cgroup v1's net_cls or net_prio are in counts as the root before Linux 5.15.
 */
export function ownCgroups(): string[] {
  const root = findCgroup2Root();
  if (root === undefined) return [];
  const path = parseCgroup2(readCgroups(process.pid));
  const own = path === undefined || path.startsWith("/..") ? root : join(root, path);
  return [...new Set([own, root])].filter((cgroup) => isCgroup2(cgroup));
}

/** The root of cgroup2 has this inode: the kernel's own, whatever of the hierarchy is mounted. */
const ROOT_ID = 1n;

/** The ids of a cgroup2 and of those below it, as inet_diag gives them (Linux 5.8); undefined: it is the root of all. */
export function cgroupIds(cgroup: string): ReadonlySet<bigint> | undefined {
  const id = unlessGone(() => statSync(cgroup, { bigint: true }).ino);
  if (id === ROOT_ID) return undefined;
  return new Set(id === undefined ? [] : [id, ...idsBelow(cgroup)]);
}

/** A cgroup2 and all below it, as paths. */
export function withCgroupsBelow(cgroup: string): string[] {
  const entries = unlessGone(() => readdirSync(cgroup, { withFileTypes: true })) ?? [];
  const below = entries.filter((entry) => entry.isDirectory());
  return [cgroup, ...below.flatMap(({ name }) => withCgroupsBelow(join(cgroup, name)))];
}

function idsBelow(cgroup: string): bigint[] {
  const entries = unlessGone(() => readdirSync(cgroup, { withFileTypes: true })) ?? [];
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const path = join(cgroup, name);
      const id = unlessGone(() => statSync(path, { bigint: true }).ino);
      return id === undefined ? [] : [id, ...idsBelow(path)];
    });
}

/** Cgroups come and go while we look. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "ENODEV") return undefined;
    throw new TproxyError("SYSCALL_FAILED", "cannot look at the cgroups", { cause });
  }
}

/** The path in the cgroup2 hierarchy, the line `0::/path` of /proc/<pid>/cgroup (cgroups(7)). */
export function parseCgroup2(text: string): string | undefined {
  return /^0::(\/.*)$/m.exec(text)?.[1];
}

function readCgroups(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw new TproxyError("SYSCALL_FAILED", `cannot find out in which cgroup process ${pid} is`, { cause });
  }
}
