// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync } from "node:fs";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import { parseLockHolder } from "../../host/file-lock.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where iptables-legacy locks unless the variable names another file. */
const LOCK_FILE = "/run/xtables.lock";

/** The one variable of ours that iptables is to see: kuma-init sets it, its root file system being read-only. */
export function lockEnvironment(environment: Environment = process.env): Readonly<Record<string, string>> {
  const path = environment.XTABLES_LOCKFILE;
  return path?.startsWith("/") === true ? { XTABLES_LOCKFILE: path } : {};
}

/**
 * Who holds the xtables lock: "process 42 (iptables) holds the xtables lock /run/xtables.lock". Undefined where nobody
 * does, or nobody whom this PID namespace shows.
 */
export function describeLockHolder(environment: Environment = process.env): string | undefined {
  const path = lockEnvironment(environment).XTABLES_LOCKFILE ?? LOCK_FILE;
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (file === undefined) return undefined;
  const pid = parseLockHolder(readFileSync("/proc/locks", "utf8"), file.dev, file.ino);
  if (pid === undefined) return undefined;
  const command = commandOf(pid);
  // The kernel names who locked; the lock lasts as long as one who inherited the open file.
  if (command === undefined) return `a process that process ${pid} started holds the xtables lock ${path}`;
  return `process ${pid} (${command}) holds the xtables lock ${path}`;
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw new TproxyError("SYSCALL_FAILED", `cannot read the name of process ${pid}`, { cause });
  }
}
