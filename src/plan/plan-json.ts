// SPDX-License-Identifier: Apache-2.0
import type { UserExclusion, VirtualNetwork } from "../config/config.ts";
import { type Address, formatAddress, formatPrefix, type Prefix } from "../core/address.ts";
import type { InterfaceFact, UserFact } from "../core/facts.ts";
import type { NumberRange } from "../core/ranges.ts";
import type { DirectionPlan, Plan, PlannedAddress } from "./plan.ts";

/**
 * A plan as it is kept with an installation: addresses as text, numbers as ranges ("80", "8000-8080"), lists of
 * them joined with ",". 65 535 ports, 100 000 ranges and 10 000 rules for users are about 2 MiB.
 */
export interface PlanJson {
  /** Of the form of all this: another version may write another one. */
  readonly format: number;
  readonly netns: { readonly inode: number; readonly cookie?: string };
  readonly proxyUser: { readonly name?: string; readonly uid: number };
  readonly ipv6: boolean;
  readonly outbound: DirectionJson;
  readonly inbound: DirectionJson;
  /** Undefined: all. */
  readonly instance?: string;
  readonly tcInterface?: InterfaceJson;
  readonly interfaces: readonly InterfaceJson[];
  readonly addresses: readonly AddressJson[];
  readonly passthroughAddress: Plan["passthroughAddress"];
  readonly userExclusions: readonly UserExclusionJson[];
  readonly dns: {
    readonly redirect: Plan["dns"]["redirect"];
    readonly port: number;
    readonly servers: string;
    /** Undefined also where an older version installed. */
    readonly resolvConfPath?: string;
  };
  /** Undefined: an older version installed, which could only refuse. */
  readonly whenProxyDown: Plan["whenProxyDown"];
  readonly virtualNetworks: readonly { readonly interface: string; readonly prefix: string }[];
  readonly dropInvalid: boolean;
  readonly logLevel?: number;
}

const FORMAT = 1;

/** The plan that an installation keeps; undefined where it keeps none that this version can read. */
export function keptPlan(record: { readonly plan?: PlanJson } | undefined): PlanJson | undefined {
  return record?.plan?.format === FORMAT ? record.plan : undefined;
}

export interface DirectionJson {
  readonly redirect: boolean;
  readonly port: number;
  readonly includedPorts: string;
  readonly excludedPorts: string;
  readonly excludedAddresses: string;
}

export interface InterfaceJson extends Omit<InterfaceFact, "addresses"> {
  readonly addresses: string;
}

export interface AddressJson extends Omit<PlannedAddress, "prefix"> {
  readonly prefix: string;
}

export interface UserExclusionJson {
  readonly protocol: UserExclusion["protocol"];
  readonly ports: string;
  readonly uids: string;
}

/** All of a plan but its notes, which are about the moment in which it was made. */
export function planToJson(plan: Plan): PlanJson {
  const { netns, tcInterface, instance, logLevel } = plan;
  return {
    format: FORMAT,
    netns: {
      inode: netns.inode,
      ...(netns.cookie === undefined ? {} : { cookie: String(netns.cookie) }),
    },
    proxyUser: writeUser(plan.proxyUser),
    ipv6: plan.ipv6,
    outbound: writeDirection(plan.outbound),
    inbound: writeDirection(plan.inbound),
    ...(instance === "all" ? {} : { instance: writeAddresses(instance) }),
    ...(tcInterface === undefined ? {} : { tcInterface: writeInterface(tcInterface) }),
    interfaces: plan.interfaces.map(writeInterface),
    addresses: writePlannedAddresses(plan.addresses),
    // As it is once this is installed: two installations of the same are the same.
    passthroughAddress: plan.passthroughAddress === "missing" ? "present" : plan.passthroughAddress,
    userExclusions: plan.userExclusions.map(writeUserExclusion),
    dns: { ...plan.dns, servers: writeAddresses(plan.dns.servers) },
    whenProxyDown: plan.whenProxyDown,
    virtualNetworks: plan.virtualNetworks.map(writeNetwork),
    dropInvalid: plan.dropInvalid,
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

function writeUser({ name, uid }: UserFact): PlanJson["proxyUser"] {
  return name === undefined ? { uid } : { name, uid };
}

function writeDirection(direction: DirectionPlan): DirectionJson {
  const { redirect, port, includedPorts, excludedPorts, excludedAddresses } = direction;
  return {
    redirect,
    port,
    includedPorts: writeRanges(joinNeighbours(includedPorts)),
    excludedPorts: writeRanges(joinNeighbours(excludedPorts)),
    excludedAddresses: writePrefixes(excludedAddresses),
  };
}

/** Ascending numbers as ranges. */
function joinNeighbours(numbers: readonly number[]): NumberRange[] {
  const ranges: NumberRange[] = [];
  for (const number of numbers) {
    const before = ranges.at(-1);
    if (before?.last === number - 1) ranges[ranges.length - 1] = { ...before, last: number };
    else ranges.push({ first: number, last: number });
  }
  return ranges;
}

function writeRanges(ranges: readonly NumberRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

function writeAddresses(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(",");
}

/** In one order, whatever the kernel's: which is the longest match does not depend on it. */
function writePlannedAddresses(addresses: readonly PlannedAddress[]): AddressJson[] {
  const written = addresses.map((each) => ({ ...each, prefix: formatPrefix(each.prefix) }));
  return written.sort((a, b) => (a.prefix < b.prefix ? -1 : Number(a.prefix > b.prefix)));
}

function writePrefixes(prefixes: readonly Prefix[]): string {
  return prefixes.map(formatPrefix).join(",");
}

function writeInterface(fact: InterfaceFact): InterfaceJson {
  return { ...fact, addresses: writeAddresses(fact.addresses) };
}

function writeUserExclusion({ protocol, ports, uids }: UserExclusion): UserExclusionJson {
  return { protocol, ports: writeRanges(ports), uids: writeRanges(uids) };
}

function writeNetwork({ interface: name, prefix }: VirtualNetwork): { interface: string; prefix: string } {
  return { interface: name, prefix: formatPrefix(prefix) };
}
