// SPDX-License-Identifier: Apache-2.0
import { BpfMap, type MapInfo } from "../../bpf/map.ts";
import type { BpfProgram } from "../../bpf/program.ts";

/** What a program works with. A map that goes meanwhile is left out. */
export function mapsOf(program: BpfProgram): MapInfo[] {
  return program.mapIds().flatMap((id) => {
    using map = BpfMap.byId(id);
    return map === undefined ? [] : [map.info];
  });
}
