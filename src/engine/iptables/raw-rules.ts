// SPDX-License-Identifier: Apache-2.0
import { type Address, formatAddress, isLoopback } from "../../core/address.ts";
import { byUser, DNS_PORT, type Draft, from, fromPort, to, UDP, UDP_TO_DNS } from "./draft.ts";
import { type FamilyPlan, hostPrefix } from "./family-plan.ts";
import type { Rule, RuleContext } from "./rule.ts";

/** Between the DNS proxy and the name servers. */
const PROXY_ZONE = 1;
/** Between the applications and the DNS proxy. */
const APPLICATION_ZONE = 2;

/**
 * Two conntrack zones for DNS. The proxy's own query may have the same addresses and ports as the one that was
 * redirected to it; in one zone conntrack would take them for the same flow, and send answers to the wrong one.
 */
export function makeRawRules(plan: FamilyPlan, context: RuleContext): Draft[] {
  const { redirect } = plan.dns;
  if (!context.splitZones || redirect === "none") return [];
  return redirect === "all" ? splitAll(plan) : splitServers(plan);
}

function splitAll(plan: FamilyPlan): Draft[] {
  return [
    zone("PREROUTING", PROXY_ZONE, [UDP, fromPort(DNS_PORT)], "zone of answers to DNS queries"),
    ...proxysOwn(plan),
    zone("OUTPUT", APPLICATION_ZONE, UDP_TO_DNS, "zone of DNS queries"),
  ];
}

function splitServers(plan: FamilyPlan): Draft[] {
  const { servers } = plan.dns;
  return [
    ...servers.map((server) =>
      zone(
        "PREROUTING",
        PROXY_ZONE,
        [from(hostPrefix(server)), UDP, fromPort(DNS_PORT)],
        `zone of DNS answers from ${formatAddress(server)}`,
      ),
    ),
    ...proxysOwn(plan),
    ...servers.flatMap((server) => serverOutput(plan, server)),
  ];
}

function serverOutput({ localhost }: FamilyPlan, server: Address): Draft[] {
  const address = hostPrefix(server);
  const text = formatAddress(server);
  const queries = zone(
    "OUTPUT",
    APPLICATION_ZONE,
    [to(address), ...UDP_TO_DNS],
    `zone of DNS queries to ${text}`,
  );
  if (!isLoopback(server)) return [queries];
  // Its answers do not arrive from outside, and their port may be another: Docker's DNS listens on a random one.
  const answers = zone(
    "OUTPUT",
    PROXY_ZONE,
    [from(address), to(localhost), UDP],
    `zone of DNS answers from ${text} on this host`,
  );
  return [queries, answers];
}

function proxysOwn({ plan }: FamilyPlan): Draft[] {
  const user = byUser(plan.proxyUser.uid);
  return [
    zone("OUTPUT", PROXY_ZONE, [...UDP_TO_DNS, user], "zone of the DNS queries of the proxy"),
    zone(
      "OUTPUT",
      APPLICATION_ZONE,
      [UDP, fromPort(plan.dns.port), user],
      "zone of the answers of the DNS proxy",
    ),
  ];
}

function zone(chain: Rule["chain"], number: number, matches: Rule["matches"], comment: string): Draft {
  return { chain, matches, action: { action: "conntrack-zone", zone: number }, comment };
}
