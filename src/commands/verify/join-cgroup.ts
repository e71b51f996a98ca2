// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";

/**
 * Puts this process into a cgroup2. One that hands controllers on may have no processes of its own (cgroups(7), "no
 * internal processes"): then it is the first below it that takes one, the nearest first. What is intercepted in a cgroup
 * is so in all below it.
 *
 * @param enter does it, and throws a system error where the kernel refuses
 * @returns the cgroup where the process is now
 * @throws TproxyError CGROUP_UNUSABLE
 */
export function joinCgroup(cgroup: string, enter: (cgroup: string) => void = enterCgroup): string {
  const refusal = tryToEnter(cgroup, enter);
  if (refusal === undefined) return cgroup;
  const code = systemErrorCode(refusal);
  if (code === "EBUSY") {
    for (const below of cgroupsBelow(cgroup)) {
      if (!isFrozen(below) && tryToEnter(below, enter) === undefined) return below;
    }
  }
  const why = code === "EBUSY" ? ": it hands controllers on, and none below it takes one" : "";
  throw new TproxyError("CGROUP_UNUSABLE", `no process can be put into the cgroup ${cgroup} (${code}${why})`);
}

function enterCgroup(cgroup: string): void {
  writeFileSync(join(cgroup, "cgroup.procs"), String(process.pid));
}

/** @returns the system error, where there is one */
function tryToEnter(cgroup: string, enter: (cgroup: string) => void): unknown {
  try {
    enter(cgroup);
    return undefined;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return error;
  }
}

/** Breadth first. They come and go while we look. */
function* cgroupsBelow(cgroup: string): Generator<string> {
  const level = [cgroup];
  for (let parent = level.shift(); parent !== undefined; parent = level.shift()) {
    const children = childrenOf(parent);
    yield* children;
    level.push(...children);
  }
}

function childrenOf(cgroup: string): string[] {
  const entries = unlessGone(() => readdirSync(cgroup, { withFileTypes: true })) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(cgroup, name));
}

/** Who joins one that stands still stands still, too. Without the file (before Linux 5.2) there is no such thing. */
function isFrozen(cgroup: string): boolean {
  return /^frozen 1$/m.test(unlessGone(() => readFileSync(join(cgroup, "cgroup.events"), "utf8")) ?? "");
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT" || code === "ENODEV") return undefined;
    throw new TproxyError("CGROUP_UNUSABLE", "cannot look at the cgroups below that which is intercepted", {
      cause,
    });
  }
}
