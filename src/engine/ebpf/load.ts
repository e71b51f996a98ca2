// SPDX-License-Identifier: Apache-2.0

import { OBJECT_ABI, TP_REASON } from "../../bpf/layouts.gen.ts";
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
import type { Features } from "./features.ts";
import type { Hook } from "./hooks.ts";
import type { Installed } from "./installed.ts";
import { MAPS, READ_ONLY_DATA } from "./maps.ts";

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
  if (previous !== undefined) {
    const kept = [
      ...(inheritance.connections ? MAPS.connections : []),
      ...(inheritance.listeners ? MAPS.listeners : []),
    ];
    for (const name of kept) object.reuseMap(name, previous.map(name));
  }
  object.load();
  new TypedMap(object.map("tp_addresses4"), PREFIX4, ADDRESS).setAll(encodeAddresses4(plan));
  new TypedMap(object.map("tp_addresses6"), PREFIX6, ADDRESS).setAll(encodeAddresses6(plan));
  return inheritance;
}

/** Maps of other layouts cannot be kept; slots with listeners of another port must not. */
function chooseInheritance(plan: Plan, previous: Installed | undefined): Inheritance {
  if (previous === undefined || previous.record.abi !== OBJECT_ABI)
    return { connections: false, listeners: false };
  const { outbound, inbound } = previous.record;
  return {
    connections: true,
    listeners: outbound.port === plan.outbound.port && inbound.port === plan.inbound.port,
  };
}

/** Names of the counters, without the last, which is their number. */
export const REASONS = Object.keys(TP_REASON).filter((name) => name !== "TP_REASON_COUNT");
