// SPDX-License-Identifier: Apache-2.0
import { U32 } from "../../bpf/codec.ts";
import { OBJECT_ABI, TP_REASON } from "../../bpf/layouts.gen.ts";
import type { RawEntry } from "../../bpf/map.ts";
import type { BpfObject } from "../../bpf/object.ts";
import { TypedMap } from "../../bpf/typed-map.ts";
import type { Plan } from "../../plan/plan.ts";
import {
  ADDRESS,
  encodeAddresses4,
  encodeAddresses6,
  encodeReadOnlyData,
  PREFIX4,
  PREFIX6,
} from "./encode.ts";
import { encodeServers } from "./encode-dns.ts";
import { encodeExcludedAddresses, encodeUserExclusions } from "./encode-exclusions.ts";
import { encodeNetworks } from "./encode-networks.ts";
import type { Features } from "./features.ts";
import type { Hook } from "./hooks.ts";
import type { Installed } from "./installed.ts";
import { chooseMaps, MAPS, READ_ONLY_DATA } from "./maps.ts";

/** What a load takes over from the installation before. */
export interface Inheritance {
  readonly connections: boolean;
  readonly listeners: boolean;
}

/** Loads the programs that `hooks` need, with the plan in their read-only data and maps. */
export function loadPrograms(
  object: BpfObject,
  plan: Plan,
  features: Features,
  hooks: readonly Hook[],
  previous: Installed | undefined,
): Inheritance {
  object.selectPrograms(new Set(hooks.map((hook) => hook.program)));
  object.setReadOnlyData(READ_ONLY_DATA, encodeReadOnlyData(plan, features, hooks));
  const inheritance = chooseInheritance(plan, previous);
  const { needed, omitted } = chooseMaps(hooks);
  if (previous !== undefined) {
    const kept = [
      ...(inheritance.connections ? MAPS.connections : []),
      ...(inheritance.listeners ? MAPS.listeners : []),
    ];
    const there = previous.mapNames();
    for (const name of kept.filter((each) => needed.includes(each) && there.includes(each)))
      object.reuseMap(name, previous.map(name));
  }
  for (const name of omitted) object.omitMap(name);
  const lists = encodeLists(plan);
  for (const [name, entries] of lists) object.resizeMap(name, Math.max(entries.length, 1));
  object.load();
  new TypedMap(object.map("tp_addresses4"), PREFIX4, ADDRESS).setAll(encodeAddresses4(plan));
  new TypedMap(object.map("tp_addresses6"), PREFIX6, ADDRESS).setAll(encodeAddresses6(plan));
  for (const [name, entries] of lists) object.map(name).updateAll(entries);
  return inheritance;
}

/** The maps that are as large as the user's lists. */
function encodeLists(plan: Plan): (readonly [map: string, entries: readonly RawEntry[]])[] {
  const { users, ports } = encodeUserExclusions(plan);
  return [
    ["tp_networks", encodeNetworks(plan)],
    ["tp_excluded4", withoutValue(encodeExcludedAddresses(plan, 4))],
    ["tp_excluded6", withoutValue(encodeExcludedAddresses(plan, 6))],
    ["tp_users", users],
    ["tp_set_ports", withoutValue(ports)],
    ["tp_dns_servers", withoutValue(encodeServers(plan))],
  ];
}

/** Being there is what counts. */
function withoutValue(keys: readonly Uint8Array[]): RawEntry[] {
  const value = U32.encode(1);
  return keys.map((key) => [key, value]);
}

/** Maps of other layouts, or whose pins are gone, cannot be kept; slots with listeners of another port must not. */
function chooseInheritance(plan: Plan, previous: Installed | undefined): Inheritance {
  if (previous === undefined || previous.record.abi !== OBJECT_ABI)
    return { connections: false, listeners: false };
  const { outbound, inbound } = previous.record;
  const there = previous.mapNames();
  const connections = there.includes("tp_sockets");
  return {
    connections,
    // What is marked in `tp_sockets` counts as being in a slot.
    listeners:
      connections &&
      MAPS.listeners.every((name) => there.includes(name)) &&
      outbound.port === plan.outbound.port &&
      inbound.port === plan.inbound.port,
  };
}

/** Names of the counters, without the last, which is their number. */
export const REASONS = Object.keys(TP_REASON).filter((name) => name !== "TP_REASON_COUNT");
