// SPDX-License-Identifier: Apache-2.0
import type { VirtualNetwork } from "../../config/config.ts";
import { type Address, type Family, type Prefix, prefixContains } from "../../core/address.ts";
import { PASSTHROUGH_ADDRESS, type Plan } from "../../plan/plan.ts";

/** What of a plan belongs to one family. */
export interface FamilyPlan {
  readonly plan: Plan;
  /** 127.0.0.1 or ::1: what the proxy sends there is left alone. Every other address of the host is not that. */
  readonly localhost: Prefix;
  /** What the proxy binds to when it hands a request to its own application. */
  readonly passthrough: Prefix;
  readonly dns: Plan["dns"];
  /** Outbound: destinations that are left alone; inbound: sources. */
  readonly excluded: { readonly outbound: readonly Prefix[]; readonly inbound: readonly Prefix[] };
  /** Destinations that are redirected on arrival; undefined stands for all. */
  readonly instance: readonly (Prefix | undefined)[];
  /** By interface, each with its networks. */
  readonly virtualNetworks: readonly InterfaceNetworks[];
}

/** The networks behind one interface: at least one, and none lies in another. */
export interface InterfaceNetworks {
  readonly interface: string;
  readonly first: Prefix;
  readonly others: readonly Prefix[];
}

const LOCALHOST = { 4: Uint8Array.of(127, 0, 0, 1), 6: Uint8Array.of(...new Array<number>(15).fill(0), 1) };

const PASSTHROUGH = { 4: Uint8Array.of(127, 0, 0, 6), 6: PASSTHROUGH_ADDRESS.bytes };

export function planOfFamily(plan: Plan, family: Family): FamilyPlan {
  const prefixes = (all: readonly Prefix[]) => all.filter(({ address }) => address.family === family);
  return {
    plan,
    localhost: hostPrefix({ family, bytes: LOCALHOST[family] }),
    passthrough: hostPrefix({ family, bytes: PASSTHROUGH[family] }),
    dns: dnsOfFamily(plan.dns, family),
    excluded: {
      outbound: prefixes(plan.outbound.excludedAddresses),
      inbound: prefixes(plan.inbound.excludedAddresses),
    },
    instance: plan.instance === "all" ? [undefined] : prefixes(plan.instance.map(hostPrefix)),
    virtualNetworks: groupByInterface(
      plan.virtualNetworks.filter(({ prefix }) => prefix.address.family === family),
    ),
  };
}

/** The prefix that holds this address alone. */
export function hostPrefix(address: Address): Prefix {
  return { address, length: address.bytes.length * 8 };
}

/** Without a name server of the family there is nothing to redirect in it. */
function dnsOfFamily(dns: Plan["dns"], family: Family): Plan["dns"] {
  const servers = dns.servers.filter((server) => server.family === family);
  const none = dns.redirect === "servers" && servers.length === 0;
  return { ...dns, servers, redirect: none ? "none" : dns.redirect };
}

function groupByInterface(networks: readonly VirtualNetwork[]): InterfaceNetworks[] {
  const names = [...new Set(networks.map((network) => network.interface))];
  return names.flatMap((name) => {
    const all = networks.filter((network) => network.interface === name).map(({ prefix }) => prefix);
    const [first, ...others] = all.filter((prefix, index) => !isCovered(prefix, index, all));
    return first === undefined ? [] : [{ interface: name, first, others }];
  });
}

/** Whether another prefix holds all of this one; of equal ones the first remains. */
function isCovered(prefix: Prefix, index: number, all: readonly Prefix[]): boolean {
  return all.some(
    (other, otherIndex) =>
      otherIndex !== index &&
      prefixContains(other, prefix.address) &&
      (other.length < prefix.length || (other.length === prefix.length && otherIndex < index)),
  );
}
