// SPDX-License-Identifier: Apache-2.0
import { sameAddress, unmapAddress } from "../../core/address.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import { forgetUdpFlows, readUdpFlows, type UdpFlow } from "../../host/udp-flows.ts";
import { readAllUdp, type UdpSocket } from "../../host/udp-sockets.ts";
import { decide } from "../../plan/decide.ts";
import { hasDns } from "../../plan/decide-dns.ts";
import type { Plan } from "../../plan/plan.ts";
import { keptPlan } from "../../plan/plan-json.ts";
import type { CommonRecord } from "../record.ts";
import { canonicalRule } from "./canonical.ts";
import type { Present } from "./look.ts";

/*
 * NAT decides of the first datagram between two ends, and does the same with all that follow: half a minute after the last
 * one it may forget. A socket that asks and asks would never see that the rules are others by now. Where they would
 * decide otherwise, conntrack is made to forget.
 */

const DNS_PORT = 53;

/** The ports that the rules that are there send queries to, or did. */
export function dnsPortsOf(
  present: readonly Present[],
  record: Pick<CommonRecord, "plan"> | undefined,
): ReadonlySet<number> {
  const { redirect, port } = keptPlan(record)?.dns ?? {};
  const recorded = port === undefined || redirect === "none" ? [] : [port];
  return new Set([...recorded, ...present.flatMap(redirectedDnsPorts)]);
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

/**
 * To be called when the rules of the plan are there.
 *
 * @param before the ports that the rules before sent queries to
 * @returns what the user should know, one sentence each
 */
export function correctDnsFlows(plan: Plan, before: ReadonlySet<number>): string[] {
  const redirects = hasDns(plan.dns, 4) || hasDns(plan.dns, 6) || plan.virtualNetworks.length > 0;
  if (!redirects && before.size === 0) return [];
  const flows = readUdpFlows(DNS_PORT);
  if (flows === undefined) return [WITHOUT_CTNETLINK];
  const ports = new Set([...before, plan.dns.port]);
  const sockets = flows.length === 0 ? [] : readAllUdp();
  const wrong = flows.filter((flow) => {
    // What somebody else's rules redirect is not redirected by ours: they may stand before it now.
    const sentTo = [redirectedTo(flow)].find((port) => port !== undefined && ports.has(port));
    return sentTo !== wantedPort(plan, flow, findSocket(sockets, flow));
  });
  return noteForgotten(forgetUdpFlows(wrong));
}

/** To be called when nothing is redirected any more. `ports`: where queries were sent. */
export function releaseDnsFlows(ports: ReadonlySet<number>): string[] {
  if (ports.size === 0) return [];
  const flows = readUdpFlows(DNS_PORT);
  if (flows === undefined) return [WITHOUT_CTNETLINK];
  return noteForgotten(
    forgetUdpFlows(
      flows.filter((flow) => {
        const sentTo = redirectedTo(flow);
        return sentTo !== undefined && ports.has(sentTo);
      }),
    ),
  );
}

/** The port that NAT sends the datagrams to; undefined: to where they are going. */
function redirectedTo({ to, answeredBy }: UdpFlow): number | undefined {
  const isSame = to.port === answeredBy.port && sameAddress(to.address, answeredBy.address);
  return isSame ? undefined : answeredBy.port;
}

/** What has no socket here comes from a network behind this host, or from a socket that has gone. */
function wantedPort(plan: Plan, { to }: UdpFlow, socket: UdpSocket | undefined): number | undefined {
  if (socket === undefined) return plan.virtualNetworks.length > 0 ? plan.dns.port : undefined;
  return decide(plan, { kind: "dns", uid: socket.uid, to: to.address, port: to.port }).port;
}

/** The one that is connected to the other end, or else one that has this end. */
function findSocket(sockets: readonly UdpSocket[], { from, to }: UdpFlow): UdpSocket | undefined {
  const candidates = sockets.filter(({ local }) => local.port === from.port && isOrHolds(local, from));
  const isConnected = ({ remote }: UdpSocket) =>
    remote.port === to.port && sameAddress(unmapAddress(remote.address), to.address);
  return candidates.find(isConnected) ?? candidates.find(({ remote }) => remote.port === 0);
}

function isOrHolds({ address }: Endpoint, from: Endpoint): boolean {
  const isAny = address.bytes.every((byte) => byte === 0);
  return isAny || sameAddress(unmapAddress(address), from.address);
}

const WITHOUT_CTNETLINK =
  "the kernel lacks ctnetlink (module nf_conntrack_netlink): a UDP socket that asks for DNS without a pause of half a " +
  "minute may go on asking where it asked before";

function noteForgotten(count: number): string[] {
  if (count === 0) return [];
  const which = count === 1 ? "1 UDP socket that was" : `${count} UDP sockets that were`;
  return [`${which} asking for DNS already will ask the right one from now on`];
}
