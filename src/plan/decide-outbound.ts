// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatPrefix } from "../core/address.ts";
import type { OutboundConnection } from "./decide.ts";
import { hasDns } from "./decide-dns.ts";
import { leaveIpv6 } from "./decide-family.ts";
import {
  findHolding,
  isBroadcast,
  isLocal,
  isLocalhost,
  isMulticast,
  isPassthrough,
} from "./decide-places.ts";
import { type Decision, firstOf, leaveAlone, type Rule, refuse, sendTo } from "./decide-result.ts";
import { leaveExcludedUsers } from "./decide-users.ts";
import type { Plan } from "./plan.ts";

export interface AskedOutbound extends OutboundConnection {
  readonly plan: Plan;
}

export function decideOutbound(asked: AskedOutbound): Decision {
  return firstOf(RULES, asked);
}

const RULES: readonly Rule<AskedOutbound>[] = [
  refuseMany,
  leaveIpv6,
  ({ plan, uid, port }) => leaveExcludedUsers(plan, { protocol: "tcp", uid, port }),
  leaveExcludedDestination,
  leaveDnsOverTcp,
  leaveDisabled,
  leaveExcludedPort,
  leavePassthrough,
  sendToOwnApplication,
  leaveLocal,
  leaveProxy,
  sendRest,
];

/** TCP is between two: the kernel says ENETUNREACH. */
function refuseMany({ plan, to }: AskedOutbound): Decision | undefined {
  const text = formatAddress(to);
  if (isMulticast(to)) return refuse("multicast", `${text} is a multicast address, which TCP cannot reach`);
  if (isBroadcast(plan, to))
    return refuse("broadcast", `${text} is a broadcast address, which TCP cannot reach`);
  return undefined;
}

function leaveExcludedDestination({ plan, to }: AskedOutbound): Decision | undefined {
  const prefix = findHolding(plan.outbound.excludedAddresses, to);
  if (prefix === undefined) return undefined;
  return leaveAlone(
    "excluded-destination",
    `connections to ${formatPrefix(prefix)} are excluded`,
    "redirect.outbound.excludePortsForIPs",
  );
}

function leaveDnsOverTcp({ plan, uid, to, port }: AskedOutbound): Decision | undefined {
  if (port !== 53 || uid === plan.proxyUser.uid || !hasDns(plan.dns, to.family)) return undefined;
  return leaveAlone(
    "dns-over-tcp",
    "DNS is redirected, and then DNS over TCP is left alone",
    plan.dns.redirect === "all" ? "redirect.dns.captureAll" : "redirect.dns.enabled",
  );
}

/** Then the proxy's own connections to its host are left alone, too: kumactl has all of it in one chain. */
function leaveDisabled({ plan }: AskedOutbound): Decision | undefined {
  if (plan.outbound.redirect) return undefined;
  return leaveAlone(
    "direction-disabled",
    "outbound connections are not intercepted",
    "redirect.outbound.enabled",
  );
}

function leaveExcludedPort({ plan, port }: AskedOutbound): Decision | undefined {
  if (plan.outbound.includedPorts.length > 0 || plan.outbound.ports.has(port)) return undefined;
  return leaveAlone("excluded-port", `outbound port ${port} is excluded`, "redirect.outbound.excludePorts");
}

/** To ::6 the kernel goes from ::6, where no other address was chosen (RFC 6724, rule 1). */
function leavePassthrough({ plan, from, to }: AskedOutbound): Decision | undefined {
  const source = from ?? (to.family === 6 ? to : undefined);
  if (source === undefined || !isPassthrough(source) || !isLocal(plan, to)) return undefined;
  return leaveAlone(
    "passthrough",
    `from ${formatAddress(source)} the proxy hands requests to its own application`,
  );
}

function sendToOwnApplication({ plan, uid, to }: AskedOutbound): Decision | undefined {
  if (uid !== plan.proxyUser.uid || !isLocal(plan, to) || isLocalhost(to)) return undefined;
  if (!plan.inbound.redirect) {
    return leaveAlone(
      "inbound-disabled",
      "inbound connections are not intercepted, nor those of the proxy to its own host",
      "redirect.inbound.enabled",
    );
  }
  return sendTo(
    "inbound",
    plan.inbound.port,
    "own-application",
    `the proxy calls ${formatAddress(to)}, an address of its own host`,
  );
}

function leaveLocal({ plan, uid, to }: AskedOutbound): Decision | undefined {
  if (uid === plan.proxyUser.uid || !isLocal(plan, to)) return undefined;
  return leaveAlone("local", `${formatAddress(to)} is an address of this host`);
}

function leaveProxy({ plan, uid }: AskedOutbound): Decision | undefined {
  if (uid !== plan.proxyUser.uid) return undefined;
  return leaveAlone(
    "proxy",
    `user ${uid} is the proxy's, whose own connections are left alone`,
    "kumaDPUser",
  );
}

function sendRest({ plan, port }: AskedOutbound): Decision {
  const { outbound } = plan;
  if (outbound.includedPorts.length === 0)
    return sendTo("outbound", outbound.port, "all-outbound", "all other outbound connections are redirected");
  const key = "redirect.outbound.includePorts";
  if (outbound.ports.has(port))
    return sendTo("outbound", outbound.port, "included-port", `outbound port ${port} is included`, key);
  return leaveAlone("port-not-included", `outbound port ${port} is not among those that are included`, key);
}
