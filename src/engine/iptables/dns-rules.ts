// SPDX-License-Identifier: Apache-2.0
import { formatAddress } from "../../core/address.ts";
import { byUser, DNS_PORT, type Draft, notByUser, TCP, to, toPort, UDP_TO_DNS } from "./draft.ts";
import { type FamilyPlan, hostPrefix } from "./family-plan.ts";
import type { Action, RuleContext } from "./rule.ts";

/** nat OUTPUT: which DNS queries go to the DNS proxy. Before the rules of others. */
export function makeDnsRules({ plan, dns }: FamilyPlan, context: RuleContext): Draft[] {
  if (dns.redirect === "none") return [];
  const own: Draft = {
    chain: "OUTPUT",
    insert: true,
    matches: [...UDP_TO_DNS, byUser(plan.proxyUser.uid)],
    // Docker's resolver is reached through its own chain, which would come too late behind ours.
    action: context.dockerOutput ? { action: "jump", chain: "DOCKER_OUTPUT" } : { action: "return" },
    comment: "DNS queries of the proxy itself",
  };
  return [own, ...makeRedirects(dns)];
}

function makeRedirects(dns: FamilyPlan["dns"]): Draft[] {
  const action: Action = { action: "redirect", port: dns.port };
  const common = { chain: "OUTPUT", insert: true, action } as const;
  if (dns.redirect === "all") {
    return [{ ...common, matches: UDP_TO_DNS, comment: "DNS queries to the DNS proxy" }];
  }
  return dns.servers.map((server) => ({
    ...common,
    matches: [to(hostPrefix(server)), ...UDP_TO_DNS],
    comment: `DNS queries to ${formatAddress(server)} to the DNS proxy`,
  }));
}

/** nat OUTPUT: where DNS is redirected, DNS over TCP is left alone. Has to come before the jump to our chain. */
export function makeTcpDnsRules({ plan, dns }: FamilyPlan, { insertOutbound }: RuleContext): Draft[] {
  if (dns.redirect === "none") return [];
  return [
    {
      chain: "OUTPUT",
      // Appended behind an inserted jump it would never be reached: kumactl redirects DNS over TCP then.
      insert: insertOutbound,
      matches: [TCP, toPort(DNS_PORT), notByUser(plan.proxyUser.uid)],
      action: { action: "return" },
      comment: "DNS over TCP is left alone",
    },
  ];
}
