// SPDX-License-Identifier: Apache-2.0
import { OBJECT_ABI } from "../../bpf/layouts.gen.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import type { Plan } from "../../plan/plan.ts";
import { listeningPorts } from "../listening.ts";
import { commonRecord } from "../record.ts";
import type { Hook } from "./hooks.ts";
import type { FilterRecord, InstanceRecord } from "./record.ts";

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
    format: 1,
    abi: OBJECT_ABI,
    netnsInode: plan.netns.inode,
    cgroupPath,
    ...commonRecord(plan, previous, config, listeningPorts(plan)),
    ...(plan.tcInterface === undefined ? {} : { tcInterface: plan.tcInterface.name }),
    ...attached,
  };
}
