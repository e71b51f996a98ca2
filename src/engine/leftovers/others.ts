// SPDX-License-Identifier: Apache-2.0
import { ATTACH_TYPE, type AttachType } from "../../bpf/attach-types.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { queryPrograms } from "../../bpf/query.ts";
import { listTc } from "../../bpf/tc.ts";
import type { InterfaceFact } from "../../core/facts.ts";
import { NETNS_PATH } from "../../host/netns.ts";
import type { Leftover } from "./leftover.ts";

/** A program that is neither ours nor a leftover, where one of ours is or would be. */
export interface OtherProgram {
  /** "connect4 on cgroup /x", "tc ingress on eth0". */
  readonly place: string;
  readonly programId: number;
  /** At most 15 characters; "" where it has none. */
  readonly name: string;
}

/** Changes nothing; needs root. */
export function findOtherPrograms(
  cgroup: string | undefined,
  interfaces: readonly InterfaceFact[],
  leftovers: readonly Leftover[],
): OtherProgram[] {
  const known = new Set(leftovers.flatMap((each) => ("programId" in each ? [each.programId] : [])));
  const found = [
    ...(cgroup === undefined ? [] : CGROUP_TYPES.flatMap((type) => at(cgroup, type, `cgroup ${cgroup}`))),
    ...at(NETNS_PATH, "sk_lookup", "this network namespace"),
    ...interfaces.flatMap(atInterface),
  ];
  return found.filter(({ programId, name }) => !known.has(programId) && !isOurs(name));
}

/** Ours, of whichever installation. */
function isOurs(name: string): boolean {
  return name.startsWith("tp_");
}

const NOT_OF_CGROUPS: readonly AttachType[] = ["sk_lookup", "sk_msg_verdict", "tcx_ingress", "tcx_egress"];
const CGROUP_TYPES = (Object.keys(ATTACH_TYPE) as readonly AttachType[]).filter(
  (type) => !NOT_OF_CGROUPS.includes(type),
);

function at(target: string | number, type: AttachType, where: string): OtherProgram[] {
  const { ids } = queryPrograms(target, type) ?? { ids: [] };
  return ids.flatMap((id) => named(id, `${type} on ${where}`));
}

function atInterface({ name, index }: InterfaceFact): OtherProgram[] {
  return (["ingress", "egress"] as const).flatMap((direction) => [
    ...at(index, `tcx_${direction}`, name),
    ...listTc(index, direction).flatMap(({ programId, priority }) =>
      programId === undefined ? [] : named(programId, `tc ${direction} on ${name}, priority ${priority}`),
    ),
  ]);
}

function named(programId: number, place: string): OtherProgram[] {
  using program = BpfProgram.byId(programId);
  return program === undefined ? [] : [{ place, programId, name: program.name }];
}
