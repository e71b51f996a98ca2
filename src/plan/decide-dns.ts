// SPDX-License-Identifier: Apache-2.0
import { type Family, formatAddress, formatPrefix, sameAddress } from "../core/address.ts";
import type { DnsQuery } from "./decide.ts";
import { leaveIpv6 } from "./decide-family.ts";
import { findHolding } from "./decide-places.ts";
import { type Decision, firstOf, leaveAlone, type Rule, sendTo } from "./decide-result.ts";
import { leaveExcludedUsers } from "./decide-users.ts";
import type { DnsPlan, Plan } from "./plan.ts";

export interface AskedDns extends DnsQuery {
  readonly plan: Plan;
}

/** Does not depend on whether outbound connections are redirected: kumactl's rules for DNS stand apart. */
export function decideDns(asked: AskedDns): Decision {
  return firstOf(RULES, asked);
}

/** Whether queries of a family are redirected at all: without a name server there is nothing to redirect in it. */
export function hasDns({ redirect, servers }: DnsPlan, family: Family): boolean {
  return redirect === "all" || (redirect === "servers" && servers.some((server) => server.family === family));
}

const RULES: readonly Rule<AskedDns>[] = [
  leaveIpv6,
  ({ plan, uid, port }) => leaveExcludedUsers(plan, { protocol: "udp", uid, port }),
  leaveExcludedDestination,
  leaveOtherPort,
  leaveDisabled,
  leaveProxy,
  sendRest,
];

function leaveExcludedDestination({ plan, to }: AskedDns): Decision | undefined {
  const prefix = findHolding(plan.outbound.excludedAddresses, to);
  if (prefix === undefined) return undefined;
  return leaveAlone(
    "excluded-destination",
    `what goes to ${formatPrefix(prefix)} is excluded`,
    "redirect.outbound.excludePortsForIPs",
  );
}

function leaveOtherPort({ port }: AskedDns): Decision | undefined {
  if (port === 53) return undefined;
  return leaveAlone("not-dns", `of UDP only what goes to port 53 is redirected, not to port ${port}`);
}

function leaveDisabled({ plan, to }: AskedDns): Decision | undefined {
  if (hasDns(plan.dns, to.family)) return undefined;
  const reason =
    plan.dns.redirect === "none"
      ? "DNS is not redirected"
      : `there is no IPv${to.family} name server, so DNS over IPv${to.family} is not redirected`;
  return leaveAlone("dns-disabled", reason, "redirect.dns.enabled");
}

function leaveProxy({ plan, uid }: AskedDns): Decision | undefined {
  if (uid !== plan.proxyUser.uid) return undefined;
  return leaveAlone("proxy", `user ${uid} is the proxy's, whose own queries are left alone`, "kumaDPUser");
}

function sendRest({ plan, to }: AskedDns): Decision {
  const { redirect, port, servers } = plan.dns;
  if (redirect === "all")
    return sendTo("dns", port, "all-dns", "all DNS queries are redirected", "redirect.dns.captureAll");
  const text = formatAddress(to);
  const key = "redirect.dns.enabled";
  if (servers.some((server) => sameAddress(server, to)))
    return sendTo("dns", port, "name-server", `${text} is a name server of resolv.conf`, key);
  return leaveAlone("other-server", `${text} is no name server of resolv.conf`, key);
}
