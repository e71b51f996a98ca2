// SPDX-License-Identifier: Apache-2.0
import { U32 } from "../../bpf/codec.ts";
import { OBJECT_STATE } from "../../bpf/layouts.gen.ts";
import type { RawEntry } from "../../bpf/map.ts";
import type { BpfObject } from "../../bpf/object.ts";
import { TypedMap } from "../../bpf/typed-map.ts";
import type { Plan } from "../../plan/plan.ts";
import { hasOurCounters } from "./counters.ts";
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
import { chooseMaps, MAPS, OMITTABLE, READ_ONLY_DATA } from "./maps.ts";

/** What a load takes over from the installation before. */
export interface Inheritance {
  /**
   * All that is known of connections: programs of both can take each other's place one by one. False: each needs its own
   * until what it began has come to its end.
   */
  readonly connections: boolean;
  readonly listeners: boolean;
  readonly counters: boolean;
}

const NOTHING: Inheritance = { connections: false, listeners: false, counters: false };

/** Loads the programs that `hooks` need, with the plan in their read-only data and maps. */
export function loadPrograms(
  object: BpfObject,
  plan: Plan,
  features: Features,
  hooks: readonly Hook[],
  previous: Installed | undefined,
): Inheritance {
  object.selectPrograms(new Set(hooks.map((hook) => hook.program)));
  const portBefore = previous?.record.outbound.port;
  object.setReadOnlyData(READ_ONLY_DATA, encodeReadOnlyData(plan, features, hooks, portBefore));
  const inheritance = chooseInheritance(plan, previous);
  const { needed, omitted } = chooseMaps(hooks);
  if (previous !== undefined) {
    const kept = [
      ...(inheritance.connections ? MAPS.connections : []),
      ...(inheritance.listeners ? MAPS.listeners : []),
      ...(inheritance.counters ? MAPS.counters : []),
    ];
    for (const name of kept.filter((each) => needed.includes(each))) {
      const map = previous.findMap(name);
      if (map !== undefined) object.reuseMap(name, map);
    }
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

/**
 * Maps of other layouts, or whose pins are gone, cannot be kept. Nor can they where a port of the proxy is now for the other direction: what is known
 * of a listener would be wrong for one of the two.
 */
function chooseInheritance(plan: Plan, previous: Installed | undefined): Inheritance {
  if (previous === undefined) return NOTHING;
  const { state, outbound, inbound } = previous.record;
  const isTurned = plan.outbound.port === inbound.port || plan.inbound.port === outbound.port;
  const there = previous.mapNames();
  const isThere = MAPS.connections.every((name) => there.includes(name) || OMITTABLE.includes(name));
  const connections = state === OBJECT_STATE && !isTurned && isThere;
  const samePorts = plan.outbound.port === outbound.port && plan.inbound.port === inbound.port;
  return {
    connections,
    // A killed one may not have got to know them.
    listeners:
      connections &&
      samePorts &&
      previous.state === "installed" &&
      MAPS.listeners.every((name) => there.includes(name)),
    counters: hasOurCounters(previous) && MAPS.counters.every((name) => there.includes(name)),
  };
}
