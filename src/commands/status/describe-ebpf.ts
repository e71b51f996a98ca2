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
    ...describeBypassed(status),
    "connections so far:",
    ...Object.entries(status.connections).map(([reason, count]) => `  ${reason}: ${count}`),
  ];
}

/** The counters last longer than the option: what once passed by is not kept secret. */
function describeBypassed({ record, connections }: EbpfStatus): string[] {
  const bypassed = Object.entries(connections).filter(([reason]) => reason.endsWith("Bypassed"));
  const total = bypassed.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0 && record.whenProxyDown !== "bypass") return [];
  return [`went past the proxy because nobody listened: ${total}`];
}

function describeNetworks({ plan }: EbpfStatus["record"]): string[] {
  const networks = plan?.virtualNetworks ?? [];
  if (networks.length === 0) return [];
  return [
    `virtual networks: ${networks.map(({ interface: name, prefix }) => `${name}:${prefix}`).join(", ")}`,
  ];
}
