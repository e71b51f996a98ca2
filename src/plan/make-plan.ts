// SPDX-License-Identifier: Apache-2.0
import type { Config, DirectionConfig, VirtualNetwork } from "../config/config.ts";
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  isLoopback,
  prefixContains,
  sameAddress,
} from "../core/address.ts";
import { ConfigError, type Problem, TproxyError } from "../core/errors.ts";
import type { HostFacts, InterfaceFact, LocalRouteFact } from "../core/facts.ts";
import { type DirectionPlan, PASSTHROUGH_ADDRESS, type Plan, type PlannedAddress } from "./plan.ts";
import { noteMissingServers, planDns } from "./plan-dns.ts";
import { PortSet } from "./port-set.ts";

/** What was found of this host, and what is to be said of how. */
export type Observed = HostFacts & { readonly notes?: readonly string[] };

/**
 * Puts the configuration and the facts of this host together. Pure: it changes nothing and looks nothing up.
 *
 * @throws ConfigError with everything in the configuration that does not fit this host.
 * @throws TproxyError LOOPBACK_DOWN: every redirected connection passes the loopback interface.
 */
export function makePlan(config: Config, facts: Observed): Plan {
  requireLoopback(facts.interfaces);
  const problems: Problem[] = [];
  const tcInterface = findTcInterface(config.ebpf.tcAttachIface, facts.interfaces, problems);
  const instance = checkInstanceAddresses(config.ebpf.instanceIPs, facts, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const ipv6 = config.ipFamilyMode === "dualstack";
  const passthroughAddress =
    ipv6 && config.redirect.inbound.enabled ? findPassthrough(facts.interfaces) : "unwanted";
  const dns = planDns(config.redirect.dns, facts.nameservers);
  const families: readonly Family[] = ipv6 && speaksIpv6(facts.interfaces) ? [4, 6] : [4];
  return {
    netns: facts.netns,
    proxyUser: facts.proxyUser,
    ipv6,
    outbound: planDirection(config.redirect.outbound),
    inbound: planDirection(config.redirect.inbound),
    instance,
    tcInterface,
    interfaces: facts.interfaces.filter((candidate) => !candidate.loopback),
    addresses: [
      ...planAddresses(facts.localRoutes, instance),
      ...(passthroughAddress === "missing" ? [local(PASSTHROUGH_ADDRESS, instance === "all")] : []),
    ],
    passthroughAddress,
    userExclusions: config.redirect.outbound.excludePortsForUIDs,
    dns,
    whenProxyDown: config.redirect.whenProxyDown,
    virtualNetworks: config.redirect.vnet.networks.toSorted(byInterface),
    dropInvalid: config.dropInvalidPackets,
    logLevel: config.log.enabled ? config.log.level : undefined,
    notes: [
      ...(facts.notes ?? []),
      ...noteMissingServers(dns, families, config.redirect.dns.resolvConfigPath),
    ],
  };
}

/** By bytes, not by language: the same on every host. Stable, so two networks of one interface keep their order. */
function byInterface(a: VirtualNetwork, b: VirtualNetwork): number {
  return Number(a.interface > b.interface) - Number(a.interface < b.interface);
}

/** As kumactl: an address of the loopback interface alone is no IPv6. */
export function speaksIpv6(interfaces: readonly InterfaceFact[]): boolean {
  return interfaces.some((each) => !each.loopback && each.addresses.some(({ family }) => family === 6));
}

function findPassthrough(interfaces: readonly InterfaceFact[]): Plan["passthroughAddress"] {
  if (!speaksIpv6(interfaces)) return "unwanted";
  const all = interfaces.flatMap((each) => each.addresses);
  return all.some((address) => sameAddress(address, PASSTHROUGH_ADDRESS)) ? "present" : "missing";
}

function requireLoopback(interfaces: readonly InterfaceFact[]): void {
  if (interfaces.some((candidate) => candidate.loopback && candidate.up)) return;
  throw new TproxyError("LOOPBACK_DOWN", "the loopback interface of this network namespace is down", {
    hint: "Redirected connections pass through it. Run `ip link set lo up` first.",
  });
}

function findTcInterface(
  name: string,
  interfaces: readonly InterfaceFact[],
  problems: Problem[],
): InterfaceFact | undefined {
  if (name === "") return undefined;
  const found = interfaces.find((candidate) => candidate.name === name);
  const refuse = (message: string) => problems.push({ source: "--ebpf-tc-attach-iface", message });
  if (found === undefined) {
    const names = interfaces.filter((other) => !other.loopback).map((other) => other.name);
    refuse(`there is no interface ${JSON.stringify(name)} here; there is ${names.join(", ") || "only lo"}`);
  } else if (found.loopback) {
    refuse(`${name} is the loopback interface: inbound connections do not arrive there`);
  } else if (!found.up) {
    refuse(`${name} is down; run \`ip link set ${name} up\` first`);
  }
  return found;
}

function checkInstanceAddresses(
  addresses: readonly Address[],
  facts: HostFacts,
  problems: Problem[],
): "all" | readonly Address[] {
  if (addresses.length === 0) return "all";
  for (const address of addresses) {
    if (facts.localRoutes.some((route) => route.kind === "local" && prefixContains(route.prefix, address)))
      continue;
    const present = facts.interfaces.flatMap((each) => each.addresses).filter((each) => !isLoopback(each));
    problems.push({
      source: "--ebpf-instance-ip",
      message:
        `${formatAddress(address)} is not an address of this network namespace, ` +
        `which has ${present.map(formatAddress).join(", ") || "none but loopback"}`,
    });
  }
  return addresses;
}

/** Where ports are included, none is excluded: as kumactl. */
function planDirection(direction: DirectionConfig): DirectionPlan {
  const { includePorts, excludePorts } = direction;
  return {
    redirect: direction.enabled,
    port: direction.port,
    ports: PortSet.redirected(includePorts, excludePorts),
    includedPorts: includePorts,
    excludedPorts: includePorts.length > 0 ? [] : excludePorts,
    excludedAddresses: direction.excludePortsForIPs,
  };
}

/** The routes as they are, one a prefix, and each instance address that a wider local route covers, by itself. */
export function planAddresses(
  routes: readonly LocalRouteFact[],
  instance: "all" | readonly Address[],
): PlannedAddress[] {
  const planned: PlannedAddress[] = onePerPrefix(routes)
    .filter((route) => !isLoopback(route.prefix.address))
    .map((route) => ({
      prefix: route.prefix,
      // Output goes by way of loopback, as to any address of the host's own; nobody is the one who has it.
      kind: route.kind === "anycast" ? "local" : route.kind,
      instance: route.kind === "local" && (instance === "all" || holdsExactly(route, instance)),
    }));
  if (instance === "all") return planned;
  for (const address of instance) {
    if (routes.some((route) => holdsExactly(route, [address]))) continue;
    planned.push(local(address, true));
  }
  return planned;
}

/** An address of this host may be the broadcast address of another of its networks: the kernel takes the first. */
function onePerPrefix(routes: readonly LocalRouteFact[]): LocalRouteFact[] {
  const first = new Map<string, LocalRouteFact>();
  for (const route of routes) {
    const key = formatPrefix(route.prefix);
    if (!first.has(key)) first.set(key, route);
  }
  return [...first.values()];
}

function local(address: Address, instance: boolean): PlannedAddress {
  return { prefix: { address, length: address.bytes.length * 8 }, kind: "local", instance };
}

function holdsExactly(route: LocalRouteFact, addresses: readonly Address[]): boolean {
  const { address, length } = route.prefix;
  return length === address.bytes.length * 8 && addresses.some((other) => sameAddress(other, address));
}
