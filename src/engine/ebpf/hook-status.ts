// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import type { LinkInfo } from "../../bpf/link.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { isCgroup2 } from "../../host/mounts.ts";
import { filterProgram } from "./filter.ts";
import { type Hook, hookKey } from "./hooks.ts";
import type { Installed } from "./installed.ts";

export interface HookStatus {
  readonly hook: Hook;
  /**
   * "detached": the link is gone, or what it was attached to. "replaced": it runs another program than the one that
   * was installed; an installation was killed half way, or somebody changed it.
   */
  readonly state: "attached" | "detached" | "replaced";
  readonly linkId?: number;
  readonly programId?: number;
}

export function readHook(installed: Installed, hook: Hook): HookStatus {
  const attached = readAttached(installed, hook);
  if (attached === undefined) return { hook, state: "detached" };
  const state = isOurs(installed, hook, attached.programId) ? "attached" : "replaced";
  return { hook, state, ...attached };
}

/**
 * By the pin; where that is gone, by the name that the program has, as far as we may look. Another version's pins are not
 * known by their names.
 */
function isOurs(installed: Installed, { program }: Hook, id: number): boolean {
  if (installed.isForeign) return installed.programs().some((each) => each.info().id === id);
  if (installed.programNames().includes(program)) return installed.program(program).info().id === id;
  using found = BpfProgram.tryById(id);
  return found === undefined || found.name === program;
}

/** What is at a hook now; undefined for nothing. */
function readAttached(installed: Installed, hook: Hook): { programId: number; linkId?: number } | undefined {
  const filter = installed.record.filters.find(({ index }) => hook.kind === "tc" && hook.index === index);
  if (filter !== undefined) {
    const programId = filterProgram(filter);
    return programId === undefined ? undefined : { programId };
  }
  const info = installed.link(hookKey(hook))?.info;
  if (info === undefined || info.defunct || isElsewhere(info, installed.record.cgroupPath)) return undefined;
  return { programId: info.programId, linkId: info.id };
}

/**
 * A cgroup that was removed and made anew has another id: the link may still be at what is left of the old one. Where
 * cgroup2 is not to be seen (`ip netns exec` hides it), the link's own word counts.
 */
function isElsewhere({ target }: LinkInfo, cgroupPath: string): boolean {
  // Which one it was to be at, a record of another version may not say.
  if (target.kind !== "cgroup" || cgroupPath === "" || !isCgroup2(cgroupPath)) return false;
  return statSync(cgroupPath, { bigint: true, throwIfNoEntry: false })?.ino !== target.cgroupId;
}
