// SPDX-License-Identifier: Apache-2.0
import type { DirectionPlan, Plan } from "../../plan/plan.ts";
import { KEEPER_CHAIN } from "./keep-connections.ts";
import type { Present } from "./look.ts";
import type { IptablesRecord } from "./record.ts";

/*
 * With eBPF, virtual networks have rules of iptables beside the programs: what comes from them is forwarded, and meets no
 * hook of ours.
 */

export function hasNetworks({ virtualNetworks }: Pick<Plan, "virtualNetworks">): boolean {
  return virtualNetworks.length > 0;
}

/** What of a plan these rules execute: the virtual networks alone, in the families that they are of. */
export function planOfNetworks(plan: Plan): Plan {
  return {
    ...plan,
    ipv6: plan.ipv6 && plan.virtualNetworks.some(({ prefix }) => prefix.address.family === 6),
    outbound: leftAlone(plan.outbound),
    inbound: leftAlone(plan.inbound),
    userExclusions: [],
    dns: { ...plan.dns, redirect: "none", servers: [] },
    passthroughAddress: "unwanted",
    dropInvalid: false,
    logLevel: undefined,
  };
}

function leftAlone(direction: DirectionPlan): DirectionPlan {
  return { ...direction, redirect: false, excludedAddresses: [] };
}

/**
 * Whether the rules that are there are those of virtual networks, and not an installation of the iptables engine, or of
 * kumactl. Where a record says of which kind they are, that counts, too: of such an installation somebody may have
 * removed all else.
 */
export function areBesidePrograms(
  installed: readonly Present[],
  record: Pick<IptablesRecord, "beside" | "unfinished"> | undefined,
): boolean {
  const isKnown = record !== undefined && !record.unfinished;
  if (isKnown && record.beside === undefined) return false;
  if (installed.length === 0) return record?.beside !== undefined;
  return installed.every(({ ours }) =>
    ours.every(
      ({ name, chains, rules }) =>
        name === "nat" &&
        chains.every((chain) => chain === KEEPER_CHAIN) &&
        rules.every(({ chain }) => chain === "PREROUTING"),
    ),
  );
}
