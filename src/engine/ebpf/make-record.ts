// SPDX-License-Identifier: Apache-2.0
import { OBJECT_ABI } from "../../bpf/layouts.gen.ts";
import { formatAddress } from "../../core/address.ts";
import { VERSION } from "../../core/version.ts";
import type { DirectionPlan, Plan } from "../../plan/plan.ts";
import type { Hook } from "./hooks.ts";
import type { DirectionRecord, FilterRecord, InstanceRecord } from "./record.ts";

/** What an installation of `plan` has to remember. `previous` is the one that it replaces. */
export function makeRecord(
  plan: Plan,
  cgroupPath: string,
  attached: { readonly hooks: readonly Hook[]; readonly filters: readonly FilterRecord[] },
  previous: InstanceRecord | undefined,
): InstanceRecord {
  const { name, uid } = plan.proxyUser;
  return {
    format: 1,
    version: VERSION,
    abi: OBJECT_ABI,
    installedAt: new Date().toISOString(),
    netnsInode: plan.netns.inode,
    cgroupPath,
    proxyUser: name === undefined ? { uid } : { name, uid },
    ipv6: plan.ipv6,
    outbound: recordDirection(plan.outbound),
    inbound: recordDirection(plan.inbound),
    instance: plan.instance === "all" ? "all" : plan.instance.map(formatAddress),
    ...(plan.tcInterface === undefined ? {} : { tcInterface: plan.tcInterface.name }),
    ...attached,
    addedPassthroughAddress: ownsPassthroughAddress(plan, previous),
  };
}

function recordDirection({ redirect, port, excludedPorts }: DirectionPlan): DirectionRecord {
  return { redirect, port, excludedPorts };
}

/** Also where it is there already, because the installation before put it there. */
function ownsPassthroughAddress(plan: Plan, previous: InstanceRecord | undefined): boolean {
  if (plan.passthroughAddress === "missing") return true;
  return plan.passthroughAddress === "present" && previous?.addedPassthroughAddress === true;
}
