// SPDX-License-Identifier: Apache-2.0
import type { DnsConfig } from "../config/config.ts";
import { type Family, unmapAddress } from "../core/address.ts";
import type { HostFacts } from "../core/facts.ts";
import type { DnsPlan } from "./plan.ts";

export function planDns(config: DnsConfig, nameservers: HostFacts["nameservers"]): DnsPlan {
  const { port } = config;
  if (config.captureAll) return { redirect: "all", port, servers: [] };
  if (!config.enabled) return { redirect: "none", port, servers: [] };
  const servers = nameservers.map(unmapAddress);
  return { redirect: "servers", port, servers, resolvConfPath: config.resolvConfigPath };
}

/** A family without a name server has none of its queries redirected, which whoever asked for DNS may not expect. */
export function noteMissingServers(
  dns: DnsPlan,
  families: readonly Family[],
  path: string,
): readonly string[] {
  if (dns.redirect !== "servers") return [];
  const missing = families.filter((family) => !dns.servers.some((server) => server.family === family));
  if (missing.length === families.length) {
    return [`${path} names no name server that can be redirected: DNS queries are left alone`];
  }
  return missing.map(
    (family) => `${path} names no IPv${family} name server: DNS queries over IPv${family} are left alone`,
  );
}
