// SPDX-License-Identifier: Apache-2.0
import { BpfProgram } from "../../bpf/program.ts";
import { listTc, type TcDirection } from "../../bpf/tc.ts";
import type { InterfaceFact } from "../../core/facts.ts";
import { isKnownProgram, TC_PRIORITY } from "./known.ts";
import type { FilterLeftover } from "./leftover.ts";
import { mapsOf } from "./program-maps.ts";

/** Filters of theirs on the interfaces of this network namespace. */
export function findFilters(interfaces: readonly InterfaceFact[]): FilterLeftover[] {
  return interfaces.flatMap((each) => [...filtersOf(each, "ingress"), ...filtersOf(each, "egress")]);
}

function filtersOf({ name: device, index }: InterfaceFact, direction: TcDirection): FilterLeftover[] {
  return listTc(index, direction).flatMap(({ priority, handle, programId }) => {
    if (priority !== TC_PRIORITY || programId === undefined) return [];
    using program = BpfProgram.byId(programId);
    if (program === undefined) return [];
    const info = program.info();
    if (!isKnownProgram(info, `tc_${direction}`, mapsOf(program))) return [];
    return [
      { kind: "filter", interface: device, index, direction, priority, handle, programId, name: info.name },
    ];
  });
}
