// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import type { AttachType } from "../../bpf/attach-types.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { ATTACH_FLAG, queryPrograms } from "../../bpf/query.ts";
import { TproxyError } from "../../core/errors.ts";
import { isCgroup2 } from "../../host/mounts.ts";
import { isKnownProgram } from "../leftovers/known.ts";
import { mapsOf } from "../leftovers/program-maps.ts";

/** A program that lets no other be attached by a link where it is. */
interface Exclusive {
  readonly cgroup: string;
  readonly type: AttachType;
  readonly name: string;
  /** Kuma's eBPF engine or merbridge left it. */
  readonly isLeftover: boolean;
}

/**
 * Whoever attached without BPF_F_ALLOW_MULTI keeps all others from that cgroup, and without BPF_F_ALLOW_OVERRIDE from those
 * below it as well: the kernel says EPERM to a link.
 *
 * @throws TproxyError CGROUP_UNUSABLE
 */
export function requireRoom(cgroup: string, types: readonly AttachType[]): void {
  const found = types.flatMap((type) => findExclusive(cgroup, type) ?? []);
  if (found.length === 0) return;
  const names = found.map(({ name, type, cgroup: at }) => `${name} (${type} on ${at})`);
  const hint = found.every(({ isLeftover }) => isLeftover)
    ? "Kuma's eBPF engine or merbridge left it there: `tproxyctl uninstall --leftovers` removes it."
    : "Have whoever attached it detach it (bpftool cgroup detach), or name another cgroup with --ebpf-cgroup-path.";
  throw new TproxyError(
    "CGROUP_UNUSABLE",
    `on the cgroup ${cgroup} nothing can be attached beside ${names.join(", ")}`,
    { hint },
  );
}

/** The kernel asks the cgroup itself, then the nearest above it that has a program. */
function findExclusive(cgroup: string, type: AttachType): Exclusive | undefined {
  const own = queryPrograms(cgroup, type);
  if (own === undefined) return undefined;
  if (own.ids.length > 0)
    return (own.flags & ATTACH_FLAG.multi) === 0 ? describe(cgroup, type, own.ids) : undefined;
  for (let above = dirname(cgroup); isCgroup2(above); above = dirname(above)) {
    const { ids, flags } = queryPrograms(above, type) ?? { ids: [], flags: 0 };
    if (ids.length === 0) continue;
    return (flags & (ATTACH_FLAG.multi | ATTACH_FLAG.override)) === 0
      ? describe(above, type, ids)
      : undefined;
  }
  return undefined;
}

/** Not everybody who may attach may also look at the programs of others (CAP_SYS_ADMIN). */
function describe(cgroup: string, type: AttachType, [id = 0]: readonly number[]): Exclusive {
  using program = BpfProgram.tryById(id);
  if (program === undefined) return { cgroup, type, name: `program ${id}`, isLeftover: false };
  const info = program.info();
  const isLeftover = isKnownProgram(info, type, mapsOf(program));
  return { cgroup, type, name: `${info.name}, program ${id}`, isLeftover };
}
