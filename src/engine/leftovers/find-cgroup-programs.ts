// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import { BpfLink } from "../../bpf/link.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { ATTACH_FLAG, queryPrograms } from "../../bpf/query.ts";
import { withCgroupsBelow } from "../../host/cgroups.ts";
import { findCgroup2Root } from "../../host/mounts.ts";
import { CGROUP_PLACES, isKnownProgram } from "./known.ts";
import type { CgroupProgram } from "./leftover.ts";
import { mapsOf } from "./program-maps.ts";

/** Programs of theirs on any cgroup2 that is seen from here, in the order in which they are to be taken off. */
export function findCgroupPrograms(): CgroupProgram[] {
  const root = findCgroup2Root();
  if (root === undefined) return [];
  const cgroups = withCgroupsBelow(root);
  const found = CGROUP_PLACES.flatMap((type) => cgroups.flatMap((cgroup) => programsAt(cgroup, type)));
  return found.length === 0 ? [] : withoutLinked(found);
}

function programsAt(cgroup: string, type: CgroupProgram["type"]): CgroupProgram[] {
  const { ids, flags } = queryPrograms(cgroup, type) ?? { ids: [], flags: 0 };
  return ids.flatMap((programId) => {
    using program = BpfProgram.byId(programId);
    if (program === undefined) return [];
    const info = program.info();
    if (!isKnownProgram(info, type, mapsOf(program))) return [];
    const exclusive = (flags & ATTACH_FLAG.multi) === 0;
    return [{ kind: "cgroup-program", cgroup, type, programId, name: info.name, exclusive }];
  });
}

/** They made no links: one that is there by a link is somebody's who copied them, and goes when that link does. */
function withoutLinked(found: readonly CgroupProgram[]): CgroupProgram[] {
  const linked = new Set<string>();
  for (const link of BpfLink.all()) {
    using each = link;
    const { target, programId } = each.info();
    if (target.kind === "cgroup") linked.add(`${target.cgroupId} ${programId}`);
  }
  return found.filter(({ cgroup, programId }) => {
    const id = statSync(cgroup, { bigint: true, throwIfNoEntry: false })?.ino;
    return !linked.has(`${id} ${programId}`);
  });
}
