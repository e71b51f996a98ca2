// SPDX-License-Identifier: Apache-2.0
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode, TproxyError } from "../core/errors.ts";
import { findCgroup2Root } from "./mounts.ts";

/** Whether a process is in a cgroup2 or below it. False where it has ended. */
export function isInCgroup(pid: number, cgroup: string): boolean {
  const root = findCgroup2Root();
  const path = parseCgroup2(readCgroups(pid));
  if (root === undefined || path === undefined) return false;
  return `${join(root, path)}/`.startsWith(`${realpathSync(cgroup)}/`);
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
