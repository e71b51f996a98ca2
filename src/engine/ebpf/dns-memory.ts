// SPDX-License-Identifier: Apache-2.0
import type { BpfMap } from "../../bpf/map.ts";
import { keptPlan } from "../../plan/plan-json.ts";
import type { InstanceRecord } from "./record.ts";

/** What an installation knows of the sockets that it redirected. */
export interface SocketMemory {
  /** `tp_sockets` */
  readonly sockets: BpfMap;
  readonly redirections: readonly Redirection[];
  /** Another installation goes on with it. */
  readonly inherited: boolean;
}

/** Where queries were sent to at localhost, and of whom: of sockets made in this cgroup or below it. */
export interface Redirection {
  /** 1–65535 */
  readonly port: number;
  readonly cgroup: string;
}

type Remembered = Pick<InstanceRecord, "plan" | "cgroupPath">;

/** Who wrote down no plan is of a version that redirected no queries. */
export function redirectionsOf(records: readonly Remembered[]): Redirection[] {
  return records.flatMap((record) => {
    const { redirect = "none", port } = keptPlan(record)?.dns ?? {};
    return redirect === "none" || port === undefined ? [] : [{ port, cgroup: record.cgroupPath }];
  });
}

/** Whether two installations redirect the same queries to the same port. Where in doubt, they do not. */
export function redirectsSameDns(before: Remembered, now: Remembered): boolean {
  const [old, text] = [dnsText(before), dnsText(now)];
  return old !== undefined && old === text;
}

/** All that `decide` and the programs go by with a query. */
function dnsText(record: Remembered): string | undefined {
  const plan = keptPlan(record);
  if (plan === undefined) return undefined;
  const { userExclusions, outbound, proxyUser, ipv6, whenProxyDown } = plan;
  const { resolvConfPath: _, ...dns } = plan.dns;
  const others = [outbound.excludedAddresses, proxyUser.uid, ipv6, whenProxyDown, record.cgroupPath];
  return JSON.stringify([dns, userExclusions, ...others]);
}
