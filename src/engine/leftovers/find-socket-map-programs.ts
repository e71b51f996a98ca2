// SPDX-License-Identifier: Apache-2.0
import { BpfMap } from "../../bpf/map.ts";
import { BpfProgram } from "../../bpf/program.ts";
import { queryPrograms } from "../../bpf/query.ts";
import { isKnownMap, isKnownProgram } from "./known.ts";
import type { Leftover, SocketMapProgram } from "./leftover.ts";
import { mapsOf } from "./program-maps.ts";

/**
 * Programs of theirs at the maps of sockets that what was found works with. Before Linux 5.18 the kernel does not tell:
 * such a program goes with its map.
 */
export function findSocketMapPrograms(found: readonly Leftover[]): SocketMapProgram[] {
  return [...socketMapIds(found)].flatMap((mapId) => {
    using map = BpfMap.byId(mapId);
    if (map === undefined) return [];
    const { ids } = queryPrograms(map.fd, "sk_msg_verdict") ?? { ids: [] };
    return ids.flatMap((programId) => judge(programId, map));
  });
}

function socketMapIds(found: readonly Leftover[]): Set<number> {
  const ids = found.flatMap((each) => {
    if (each.kind === "cgroup-program") {
      using program = BpfProgram.byId(each.programId);
      return program === undefined ? [] : socketMapsOf(program);
    }
    if (each.kind !== "pin") return [];
    return idsOfPin(each.path, each.object);
  });
  return new Set(ids);
}

function idsOfPin(path: string, object: "map" | "program" | "link"): number[] {
  if (object === "link") return [];
  if (object === "program") {
    using program = BpfProgram.open(path);
    return socketMapsOf(program);
  }
  using map = BpfMap.open(path);
  return map.info.type === "sockhash" ? [map.info.id] : [];
}

function socketMapsOf(program: BpfProgram): number[] {
  return mapsOf(program)
    .filter((map) => map.type === "sockhash" && isKnownMap(map))
    .map(({ id }) => id);
}

function judge(programId: number, map: BpfMap): SocketMapProgram[] {
  using program = BpfProgram.byId(programId);
  if (program === undefined) return [];
  const info = program.info();
  if (!isKnownProgram(info, "sk_msg_verdict", mapsOf(program))) return [];
  return [{ kind: "socket-map-program", mapId: map.info.id, map: map.info.name, programId, name: info.name }];
}
