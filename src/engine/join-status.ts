// SPDX-License-Identifier: Apache-2.0
import type { PlanJson } from "../plan/plan-json.ts";
import type { InstanceStatus } from "./ebpf/status.ts";
import { type Finding, finding, INSTALL_AGAIN } from "./finding.ts";
import type { IptablesStatus } from "./iptables/status.ts";

/** An installation of the eBPF engine, with the rules for virtual networks that belong to it. */
export interface EbpfStatus extends InstanceStatus {
  /** Undefined: it has none, and is to have none. */
  readonly networks?: NetworksStatus;
}

export type NetworksStatus = Pick<IptablesStatus, "rules" | "findings">;

export type InstallationStatus = EbpfStatus | IptablesStatus;

/** The installations of a network namespace: rules that stand beside programs are no installation of their own. Pure. */
export function joinStatus(
  instances: readonly InstanceStatus[],
  rules: IptablesStatus | undefined,
): InstallationStatus[] {
  const [instance, ...others] = instances;
  if (instance === undefined)
    return rules === undefined ? [] : [rules.besidePrograms ? asHalf(rules) : rules];
  if (rules?.besidePrograms !== true)
    return [withNetworks(instance, undefined), ...others, ...(rules === undefined ? [] : [rules])];
  return [withNetworks(instance, rules), ...others];
}

/** What of an installation is not as it was installed. */
export function stateFindings(status: InstallationStatus): readonly Finding[] {
  if (status.engine === "iptables") return status.findings;
  return [...status.findings, ...(status.networks?.findings ?? [])];
}

/** Whether all that was installed is there. */
export function isWhole(status: InstallationStatus): boolean {
  return !stateFindings(status).some(({ degrades }) => degrades);
}

function asHalf(rules: IptablesStatus): IptablesStatus {
  const message = "these are rules for virtual networks, and the eBPF programs beside them are not there";
  return { ...rules, findings: [finding("programs-missing", message, INSTALL_AGAIN), ...rules.findings] };
}

function withNetworks(instance: InstanceStatus, rules: IptablesStatus | undefined): EbpfStatus {
  const { plan } = instance.record;
  if (rules === undefined) {
    if (!plan || plan.virtualNetworks.length === 0) return instance;
    const missing = finding("networks-missing", "the rules for virtual networks are missing", INSTALL_AGAIN);
    return { ...instance, networks: { rules: [], findings: [missing] } };
  }
  const isSame = rules.record === undefined || whatRulesDo(plan) === whatRulesDo(rules.record.plan);
  const message = "the rules for virtual networks are those of another installation";
  const others = isSame ? [] : [finding("networks-of-another", message, INSTALL_AGAIN)];
  return { ...instance, networks: { rules: rules.rules, findings: [...others, ...rules.findings] } };
}

/** Of a plan: text that is the same where the rules beside the programs are. */
function whatRulesDo(plan: PlanJson | undefined): string {
  return JSON.stringify([plan?.virtualNetworks ?? [], plan?.outbound.port, plan?.dns.port]);
}
