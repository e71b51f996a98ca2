// SPDX-License-Identifier: Apache-2.0
import { describeHook } from "../../engine/ebpf/hooks.ts";
import type { EbpfStatus } from "../../engine/join-status.ts";
import { describeCommon } from "./describe-common.ts";
import { describeRules } from "./describe-iptables.ts";

export function describeEbpf(status: EbpfStatus): string[] {
  const { record, memory } = status;
  return [
    ...describeCommon(status.engine, record, status.listening),
    ...describeNetworks(record),
    "hooks:",
    ...status.hooks.map(
      ({ hook, state, programId }) =>
        `  ${hook.program}: ${describeHook(hook, record.cgroupPath)}: ${state}${programId === undefined ? "" : ` (program ${programId})`}`,
    ),
    ...(status.networks === undefined ? [] : describeRules(status.networks)),
    `pins: ${status.pins}`,
    `memory: ${memory.maps} bytes of maps, ${memory.programs} bytes of programs`,
    "connections so far:",
    ...Object.entries(status.connections).map(([reason, count]) => `  ${reason}: ${count}`),
  ];
}

function describeNetworks({ plan }: EbpfStatus["record"]): string[] {
  const networks = plan?.virtualNetworks ?? [];
  if (networks.length === 0) return [];
  return [
    `virtual networks: ${networks.map(({ interface: name, prefix }) => `${name}:${prefix}`).join(", ")}`,
  ];
}
