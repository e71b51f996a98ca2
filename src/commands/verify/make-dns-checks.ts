// SPDX-License-Identifier: Apache-2.0
import type { Address, Family } from "../../core/address.ts";
import { decide } from "../../plan/decide.ts";
import { hasDns } from "../../plan/decide-dns.ts";
import type { Check, Untried } from "./check.ts";
import { applicationUids, destinationsOf, ONLY_PROXY, type Situation, untried } from "./situation.ts";

const DNS_PORT = 53;

/** An application asks a name server, with a connected socket as glibc does and with another as musl does. */
export function dnsChecks(situation: Situation, family: Family): readonly (Check | Untried)[] {
  const { plan } = situation;
  if (!hasDns(plan.dns, family)) return [];
  const uids = applicationUids(situation);
  if (uids.length === 0) return [untried("dns", family, ONLY_PROXY)];
  for (const to of servers(situation, family)) {
    for (const uid of uids) {
      if (decide(plan, { kind: "dns", uid, to, port: DNS_PORT }).result !== "dns") continue;
      const actor = "application";
      const rest = { from: undefined, listens: false, expected: "dns" } as const;
      const query = { ...rest, family, actor, uid, to, port: DNS_PORT } as const;
      return [
        { ...query, name: "dns", protocol: "udp-connected" },
        { ...query, name: "dns-unconnected", protocol: "udp" },
      ];
    }
  }
  return [untried("dns", family, "no name server was found that is not excluded")];
}

/** Where all queries are redirected, one to an address where no server is. Somebody on the way may answer even so. */
function servers(situation: Situation, family: Family): readonly Address[] {
  const { redirect, servers } = situation.plan.dns;
  if (redirect === "servers") return servers.filter((server) => server.family === family);
  return destinationsOf(situation, family).map(({ address }) => address);
}
