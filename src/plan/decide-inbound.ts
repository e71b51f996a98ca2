// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatPrefix, isLoopback, prefixContains, sameAddress } from "../core/address.ts";
import type { InboundConnection } from "./decide.ts";
import { leaveIpv6 } from "./decide-family.ts";
import { findHolding, isBroadcast, isLocal, isMulticast } from "./decide-places.ts";
import { type Decision, firstOf, leaveAlone, type Rule, refuse, sendTo } from "./decide-result.ts";
import { standsFor } from "./interface-pattern.ts";
import type { Plan } from "./plan.ts";

export interface AskedInbound extends InboundConnection {
  readonly plan: Plan;
}

export function decideInbound(asked: AskedInbound): Decision {
  return firstOf(RULES, asked);
}

const RULES: readonly Rule<AskedInbound>[] = [
  refuseUnreachable,
  leaveFromHere,
  leaveIpv6,
  sendVirtualNetwork,
  leaveOtherInterface,
  leaveDisabled,
  leaveExcludedSource,
  leaveExcludedPort,
  leavePortNotIncluded,
  leaveOtherAddress,
  leaveForwarded,
  sendRest,
];

/** The kernel drops what comes from outside to a loopback address, and has no TCP for many. */
function refuseUnreachable({ plan, to }: AskedInbound): Decision | undefined {
  const text = formatAddress(to);
  if (isMulticast(to)) return refuse("multicast", `${text} is a multicast address, which TCP cannot reach`);
  if (isBroadcast(plan, to))
    return refuse("broadcast", `${text} is a broadcast address, which TCP cannot reach`);
  if (isLoopback(to))
    return refuse(
      "loopback-from-outside",
      `${text} is a loopback address, which nobody reaches from outside`,
    );
  return undefined;
}

function leaveFromHere({ plan, from }: AskedInbound): Decision | undefined {
  if (!isLocal(plan, from)) return undefined;
  return leaveAlone(
    "from-here",
    `${formatAddress(from)} is an address of this host: what comes from there is an outbound connection`,
  );
}

/** From a network behind this host to elsewhere. Its rules come before all others. */
function sendVirtualNetwork({ plan, to, interface: name }: AskedInbound): Decision | undefined {
  const networks = plan.virtualNetworks.filter(
    (each) => each.prefix.address.family === to.family && standsFor(each.interface, name),
  );
  const patterns = [...new Set(networks.map((each) => each.interface))];
  for (const pattern of patterns) {
    const own = networks.filter((each) => each.interface === pattern);
    const isInside = own.some(({ prefix }) => prefixContains(prefix, to));
    if (isInside) continue;
    return sendTo(
      "outbound",
      plan.outbound.port,
      "virtual-network",
      `${name} leads to a virtual network, and ${formatAddress(to)} is not in it`,
      "redirect.vnet.networks",
    );
  }
  return undefined;
}

function leaveOtherInterface({ plan, interface: name }: AskedInbound): Decision | undefined {
  if (plan.tcInterface === undefined || plan.tcInterface.name === name) return undefined;
  return leaveAlone(
    "other-interface",
    `inbound connections are intercepted on ${plan.tcInterface.name} only, not on ${name}`,
    "ebpf.tcAttachIface",
  );
}

function leaveDisabled({ plan }: AskedInbound): Decision | undefined {
  if (plan.inbound.redirect) return undefined;
  return leaveAlone(
    "direction-disabled",
    "inbound connections are not intercepted",
    "redirect.inbound.enabled",
  );
}

function leaveExcludedSource({ plan, from }: AskedInbound): Decision | undefined {
  const prefix = findHolding(plan.inbound.excludedAddresses, from);
  if (prefix === undefined) return undefined;
  return leaveAlone(
    "excluded-source",
    `connections from ${formatPrefix(prefix)} are excluded`,
    "redirect.inbound.excludePortsForIPs",
  );
}

function leaveExcludedPort({ plan, port }: AskedInbound): Decision | undefined {
  if (plan.inbound.includedPorts.length > 0 || plan.inbound.ports.has(port)) return undefined;
  return leaveAlone("excluded-port", `inbound port ${port} is excluded`, "redirect.inbound.excludePorts");
}

function leavePortNotIncluded({ plan, port }: AskedInbound): Decision | undefined {
  if (plan.inbound.includedPorts.length === 0 || plan.inbound.ports.has(port)) return undefined;
  return leaveAlone(
    "port-not-included",
    `inbound port ${port} is not among those that are included`,
    "redirect.inbound.includePorts",
  );
}

function leaveOtherAddress({ plan, to }: AskedInbound): Decision | undefined {
  if (plan.instance === "all" || plan.instance.some((each) => sameAddress(each, to))) return undefined;
  return leaveAlone(
    "other-address",
    `${formatAddress(to)} is not among the addresses whose inbound connections are intercepted`,
    "ebpf.instanceIPs",
  );
}

function leaveForwarded({ plan, to, forwarded }: AskedInbound): Decision | undefined {
  if (isLocal(plan, to) || forwarded === "inbound") return undefined;
  return leaveAlone(
    "forwarded",
    `${formatAddress(to)} is not an address of this host, and what it only forwards is left alone`,
  );
}

function sendRest({ plan, port }: AskedInbound): Decision {
  const { inbound } = plan;
  if (inbound.includedPorts.length === 0)
    return sendTo("inbound", inbound.port, "all-inbound", "all other inbound connections are redirected");
  return sendTo(
    "inbound",
    inbound.port,
    "included-port",
    `inbound port ${port} is included`,
    "redirect.inbound.includePorts",
  );
}
