// SPDX-License-Identifier: Apache-2.0
import { addressFindings } from "../../engine/address-findings.ts";
import { otherProgramFindings } from "../../engine/ebpf/other-programs.ts";
import { type Finding, finding, INSTALL_AGAIN } from "../../engine/finding.ts";
import type { IptablesRecord } from "../../engine/iptables/record.ts";
import { type InstallationStatus, stateFindings } from "../../engine/join-status.ts";
import { nameServerFindings } from "../../engine/name-server-findings.ts";
import {
  findOldConnections,
  type OldConnections,
  oldConnectionFindings,
} from "../../engine/old-connections.ts";
import { proxyFindings } from "../../engine/proxy-findings.ts";
import type { CommonRecord } from "../../engine/record.ts";
import { readNetwork } from "../../host/interfaces.ts";
import { findListeners } from "../../host/listeners.ts";
import { readAllUdp } from "../../host/udp-sockets.ts";
import { speaksIpv6 } from "../../plan/make-plan.ts";
import { planFromJson } from "../../plan/plan-from-json.ts";
import { keptPlan } from "../../plan/plan-json.ts";

export interface Examination {
  /** What is amiss first, what is only worth a word last. */
  readonly findings: readonly Finding[];
  /** Undefined where nothing is written down of what is to be intercepted. */
  readonly oldConnections: OldConnections | undefined;
}

/** Compares an installation with the kernel and with this host as they are now. Changes nothing. */
export function examine(status: InstallationStatus): Examination {
  // Of one that cannot be read, most is a guess.
  const isRead = !stateFindings(status).some(({ code }) => code === "record-damaged");
  const record = isRead ? status.record : undefined;
  const oldConnections = record && lookForOldConnections(status);
  const findings = [
    ...stateFindings(status),
    ...(record === undefined ? [] : hostFindings(status, record)),
    ...(status.engine === "ebpf" && isRead ? otherProgramFindings(status.hooks, status.record) : []),
    ...(oldConnections === undefined ? [] : oldConnectionFindings(oldConnections)),
  ];
  return { findings: inOrder(findings), oldConnections };
}

export function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => Number(b.degrades) - Number(a.degrades));
}

function hostFindings(status: InstallationStatus, record: CommonRecord): Finding[] {
  const network = readNetwork();
  const facts = {
    listeners: findListeners(new Set([record.outbound.port, record.inbound.port])),
    dnsListens: hasDnsListener(record),
    interfaces: network.interfaces,
  };
  return [
    ...(status.engine === "ebpf" ? addressFindings(record, network) : []),
    ...(status.engine === "iptables" ? familyFindings(status.record, speaksIpv6(network.interfaces)) : []),
    ...nameServerFindings(record),
    ...proxyFindings(record, facts),
  ];
}

function hasDnsListener(record: CommonRecord): boolean {
  const { redirect = "none", port } = keptPlan(record)?.dns ?? {};
  if (redirect === "none") return false;
  return readAllUdp().some(({ local, remote }) => local.port === port && remote.port === 0);
}

/** The programs intercept IPv6 whenever it comes; rules for it are made where there is any. */
function familyFindings(record: IptablesRecord | undefined, hasIpv6: boolean): Finding[] {
  if (record?.withoutIpv6 !== true || !hasIpv6) return [];
  return [
    finding(
      "ipv6-added",
      "this host had no IPv6 address when this was installed: IPv6 is not intercepted",
      INSTALL_AGAIN,
    ),
  ];
}

function lookForOldConnections(status: InstallationStatus): OldConnections | undefined {
  const plan = keptPlan(status.record);
  if (plan === undefined) return undefined;
  const cgroup = status.engine === "ebpf" ? status.record.cgroupPath : undefined;
  return findOldConnections({ plan: planFromJson(plan), engine: status.engine, cgroup });
}
