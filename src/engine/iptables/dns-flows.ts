// SPDX-License-Identifier: Apache-2.0
import { isLoopback, prefixContains, sameAddress } from "../../core/address.ts";
import { readNetwork } from "../../host/interfaces.ts";
import { forgetUdpFlows, readUdpFlows, type UdpFlow } from "../../host/udp-flows.ts";
import { readAllUdp } from "../../host/udp-sockets.ts";
import { hasDns } from "../../plan/decide-dns.ts";
import type { Plan } from "../../plan/plan.ts";
import { keptPlan } from "../../plan/plan-json.ts";
import { canonicalRule } from "./canonical.ts";
import { noteBroken, noteForgotten, noteRefused, WITHOUT_CTNETLINK } from "./dns-flow-notes.ts";
import type { Present } from "./look.ts";
import type { IptablesRecord } from "./record.ts";
import { type FlowHost, findRedirected, findWrong, type WrongFlow } from "./wrong-flows.ts";

/*
 * NAT decides of the first datagram between two ends, and does the same with all that follow: half a minute after the last
 * one it may forget. A socket that asks and asks would never see that the rules are others by now. Where they would
 * decide otherwise, conntrack is made to forget.
 *
 * All of this is a courtesy: the rules are in effect by then. What fails is said, and nothing else fails for it.
 */

const DNS_PORT = 53;

/** The ports that the rules that are there send queries to, or did. */
export function dnsPortsOf(
  present: readonly Present[],
  record: Pick<IptablesRecord, "plan" | "formerDnsPorts"> | undefined,
): ReadonlySet<number> {
  const plan = keptPlan(record);
  const recorded = plan === undefined ? [] : plannedDnsPorts(plan);
  return new Set([...recorded, ...(record?.formerDnsPorts ?? []), ...present.flatMap(redirectedDnsPorts)]);
}

/** Where the rules of a plan send queries: one port, or none. */
export function plannedDnsPorts({
  dns,
  virtualNetworks,
}: {
  readonly dns: Pick<Plan["dns"], "redirect" | "port">;
  readonly virtualNetworks: readonly unknown[];
}): number[] {
  return dns.redirect === "none" && virtualNetworks.length === 0 ? [] : [dns.port];
}

function redirectedDnsPorts({ ours }: Present): number[] {
  const nat = ours.find(({ name }) => name === "nat");
  return (nat?.rules ?? []).flatMap(({ spec }) => {
    const rule = canonicalRule(spec);
    const port = /-j REDIRECT --to-ports (\d+)/.exec(rule)?.[1];
    const isDns = /-p udp\b/.test(rule) && new RegExp(`--dport ${DNS_PORT}\\b`).test(rule);
    return port !== undefined && isDns ? [Number(port)] : [];
  });
}

export interface Corrected {
  /** Whether there is nothing left to be done by a later command. */
  readonly done: boolean;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * To be called when the rules of the plan are there. Throws nothing.
 *
 * @param plan as it came into effect
 * @param before the ports that the rules before sent queries to
 */
export function correctDnsFlows(plan: Plan, before: ReadonlySet<number>): Corrected {
  const redirects = hasDns(plan.dns, 4) || hasDns(plan.dns, 6) || plan.virtualNetworks.length > 0;
  if (!redirects && before.size === 0) return { done: true, notes: [] };
  const ports = new Set([...before, plan.dns.port]);
  return forgetThose((flows, host) => findWrong(plan, flows, ports, host));
}

/** To be called when nothing is redirected any more. Throws nothing. `ports`: where queries were sent. */
export function releaseDnsFlows(ports: ReadonlySet<number>): Corrected {
  if (ports.size === 0) return { done: true, notes: [] };
  return forgetThose((flows, host) => findRedirected(flows, ports, host));
}

/** Whatever fails, also by a fault of ours: what is installed or removed by now must not be left half done for it. */
function forgetThose(find: (flows: readonly UdpFlow[], host: FlowHost) => WrongFlow[]): Corrected {
  try {
    const flows = readUdpFlows(DNS_PORT);
    if (flows === undefined) return { done: true, notes: [WITHOUT_CTNETLINK] };
    const wrong = flows.length === 0 ? [] : find(flows, readHost());
    const results = forgetUdpFlows(wrong.map(({ flow }) => flow));
    const forgotten = wrong.filter((_, index) => results[index]?.result === "forgotten");
    const refused = results.flatMap((each) => (each.result === "refused" ? [each.errno] : []));
    return { done: refused.length === 0, notes: [...noteForgotten(forgotten), ...noteRefused(refused)] };
  } catch (error) {
    return { done: false, notes: [noteBroken(error)] };
  }
}

/** As it is now: the addresses of a plan are those that the rules are about. */
function readHost(): FlowHost {
  const sockets = readAllUdp();
  const { interfaces, localRoutes } = readNetwork();
  const own = interfaces.flatMap(({ addresses }) => addresses);
  const routes = localRoutes.filter(({ kind }) => kind === "local");
  return {
    sockets,
    isLocal: (address) =>
      isLoopback(address) ||
      own.some((each) => sameAddress(each, address)) ||
      routes.some(({ prefix }) => prefixContains(prefix, address)),
  };
}
