// SPDX-License-Identifier: Apache-2.0
import { TP_DNS, TP_SERVER } from "../../bpf/layouts.gen.ts";
import { type Address, type Family, sameAddress } from "../../core/address.ts";
import type { DnsPlan, Plan } from "../../plan/plan.ts";

const MODE: Readonly<Record<DnsPlan["redirect"], number>> = {
  none: TP_DNS.TP_DNS_NONE,
  servers: TP_DNS.TP_DNS_SERVERS,
  all: TP_DNS.TP_DNS_ALL,
};

/** Which queries of a family are redirected: `enum tp_dns`. */
export function encodeDnsMode(plan: Plan, family: Family): number {
  return MODE[dnsOfFamily(plan, family)];
}

/** Whether any queries are redirected. */
export function redirectsDns(plan: Plan): boolean {
  return dnsOfFamily(plan, 4) !== "none" || dnsOfFamily(plan, 6) !== "none";
}

/** As with iptables: a family without a name server is left alone, its DNS over TCP is no exception then. */
function dnsOfFamily({ dns, ipv6 }: Plan, family: Family): DnsPlan["redirect"] {
  if (family === 6 && !ipv6) return "none";
  if (dns.redirect !== "servers") return dns.redirect;
  return dns.servers.some((server) => server.family === family) ? "servers" : "none";
}

/** Keys of `tp_dns_servers`: IPv4 addresses are v4-mapped, and each is there once. */
export function encodeServers({ dns: { servers } }: Plan): Uint8Array[] {
  return servers
    .filter((server, index) => servers.findIndex((other) => sameAddress(other, server)) === index)
    .map(encodeServer);
}

function encodeServer({ family, bytes }: Address): Uint8Array {
  const key = Buffer.alloc(TP_SERVER.size);
  if (family === 4) key.fill(0xff, 10, 12);
  key.set(bytes, TP_SERVER.size - bytes.length);
  return key;
}
