// SPDX-License-Identifier: Apache-2.0
import { OBJECT_ABI, OBJECT_STATE } from "../../bpf/layouts.gen.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import type { Plan } from "../../plan/plan.ts";
import { listeningPorts } from "../listening.ts";
import { commonRecord } from "../record.ts";
import { REASONS } from "./counters.ts";
import type { FilterRecord } from "./filter-record.ts";
import type { Hook } from "./hooks.ts";
import { type InstanceRecord, RECORD_FORMAT } from "./record.ts";

/**
 * What an installation of `plan`, which was made of `config`, has to remember. `previous` is the one that it replaces.
 */
export function makeRecord(
  plan: Plan,
  cgroupPath: string,
  attached: { readonly hooks: readonly Hook[]; readonly filters: readonly FilterRecord[] },
  previous: InstanceRecord | undefined,
  config: WrittenConfig,
): InstanceRecord {
  return {
    format: RECORD_FORMAT,
    abi: OBJECT_ABI,
    state: OBJECT_STATE,
    counters: REASONS,
    netnsInode: plan.netns.inode,
    cgroupPath,
    ...commonRecord(plan, previous, config, listeningPorts(plan)),
    ...(plan.tcInterface === undefined ? {} : { tcInterface: plan.tcInterface.name }),
    ...attached,
  };
}
