// SPDX-License-Identifier: Apache-2.0
import { describeHook } from "../../engine/ebpf/hooks.ts";
import type { InstanceStatus } from "../../engine/ebpf/status.ts";
import { describeCommon } from "./describe-common.ts";

export function describeEbpf(status: InstanceStatus): string[] {
  const { record, memory } = status;
  return [
    ...describeCommon(status.engine, record, status.listening),
    "hooks:",
    ...status.hooks.map(
      ({ hook, state, programId }) =>
        `  ${hook.program}: ${describeHook(hook, record.cgroupPath)}: ${state}${programId === undefined ? "" : ` (program ${programId})`}`,
    ),
    `pins: ${status.pins}`,
    `memory: ${memory.maps} bytes of maps, ${memory.programs} bytes of programs`,
    "connections so far:",
    ...Object.entries(status.connections).map(([reason, count]) => `  ${reason}: ${count}`),
  ];
}
