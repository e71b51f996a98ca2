// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import type { Address } from "../core/address.ts";
import type { Plan } from "../plan/plan.ts";
import { PortSet } from "../plan/port-set.ts";

/** What a Dataplane is compared with: an installation, or options for one. */
export interface Interception {
  readonly inbound: { readonly redirect: boolean; readonly port: number };
  readonly outbound: { readonly redirect: boolean; readonly port: number };
  /** Whether IPv6 is redirected as well. */
  readonly ipv6: boolean;
  /** Where the DNS proxy listens; undefined where queries are left alone. */
  readonly dnsPort: number | undefined;
  /** Whether inbound connections to a port go to the proxy. */
  readonly interceptsInbound: (port: number) => boolean;
  /** For people: "the installation of the ebpf engine here, of 2026-…". */
  readonly description: string;
}

/** The addresses of this host, where they are known. */
export type HostAddresses = readonly Address[] | undefined;

export function interceptionOfConfig({ redirect, ipFamilyMode }: Config, description: string): Interception {
  const { inbound, outbound, dns } = redirect;
  const ports = PortSet.redirected(inbound.includePorts, inbound.excludePorts);
  return {
    inbound: { redirect: inbound.enabled, port: inbound.port },
    outbound: { redirect: outbound.enabled, port: outbound.port },
    ipv6: ipFamilyMode === "dualstack",
    dnsPort: dns.enabled || dns.captureAll ? dns.port : undefined,
    interceptsInbound: (port) => ports.has(port),
    description,
  };
}

export function interceptionOfPlan(
  { inbound, outbound, ipv6, dns }: Plan,
  description: string,
): Interception {
  return {
    inbound,
    outbound,
    ipv6,
    dnsPort: dns.redirect === "none" ? undefined : dns.port,
    interceptsInbound: (port) => inbound.ports.has(port),
    description,
  };
}
