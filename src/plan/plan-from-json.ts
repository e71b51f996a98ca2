// SPDX-License-Identifier: Apache-2.0
import { type Address, type Prefix, parseAddress, parsePrefix } from "../core/address.ts";
import type { InterfaceFact } from "../core/facts.ts";
import type { NumberRange } from "../core/ranges.ts";
import type { DirectionPlan, Plan } from "./plan.ts";
import type { DirectionJson, InterfaceJson, PlanJson } from "./plan-json.ts";
import { PortSet } from "./port-set.ts";

/** The plan that was kept. Only this program writes such a thing: what cannot be read is a bug, and thrown as one. */
export function planFromJson(json: PlanJson): Plan {
  const { netns, proxyUser } = json;
  return {
    netns: {
      inode: netns.inode,
      cookie: netns.cookie === undefined ? undefined : BigInt(netns.cookie),
    },
    proxyUser: { name: proxyUser.name, uid: proxyUser.uid },
    ipv6: json.ipv6,
    outbound: readDirection(json.outbound),
    inbound: readDirection(json.inbound),
    instance: json.instance === undefined ? "all" : readAddresses(json.instance),
    tcInterface: json.tcInterface && readInterface(json.tcInterface),
    interfaces: json.interfaces.map(readInterface),
    addresses: json.addresses.map((each) => ({ ...each, prefix: readPrefix(each.prefix) })),
    passthroughAddress: json.passthroughAddress,
    userExclusions: json.userExclusions.map(({ protocol, ports, uids }) => ({
      protocol,
      ports: readRanges(ports),
      uids: readRanges(uids),
    })),
    dns: { ...json.dns, servers: readAddresses(json.dns.servers) },
    whenProxyDown: json.whenProxyDown,
    virtualNetworks: json.virtualNetworks.map((each) => ({ ...each, prefix: readPrefix(each.prefix) })),
    dropInvalid: json.dropInvalid,
    logLevel: json.logLevel,
    notes: [],
  };
}

function readDirection({ redirect, port, ...lists }: DirectionJson): DirectionPlan {
  const includedPorts = readRanges(lists.includedPorts).flatMap(numbersOf);
  const excludedPorts = readRanges(lists.excludedPorts).flatMap(numbersOf);
  return {
    redirect,
    port,
    ports: PortSet.redirected(includedPorts, excludedPorts),
    includedPorts,
    excludedPorts,
    excludedAddresses: splitText(lists.excludedAddresses).map(readPrefix),
  };
}

function numbersOf({ first, last }: NumberRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function readInterface(json: InterfaceJson): InterfaceFact {
  return { ...json, addresses: readAddresses(json.addresses) };
}

function readRanges(text: string): NumberRange[] {
  return splitText(text).map((part) => {
    const [first = Number.NaN, last = first] = part.split("-").map(Number);
    return { first, last };
  });
}

function readAddresses(text: string): Address[] {
  return splitText(text).map((part) => parseAddress(part) ?? unreadable(part));
}

function readPrefix(text: string): Prefix {
  return parsePrefix(text) ?? unreadable(text);
}

function splitText(text: string): string[] {
  return text === "" ? [] : text.split(",");
}

function unreadable(text: string): never {
  throw new Error(`${JSON.stringify(text)} is no address that a plan can hold`);
}
