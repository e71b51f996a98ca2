// Plans without a host: what a test is about is said, the rest is as on a host with one interface and no option.

import type { UserExclusion, VirtualNetwork } from "../../src/config/config.ts";
import { type Address, type Prefix, parseAddress, parsePrefix } from "../../src/core/address.ts";
import type { NumberRange } from "../../src/core/ranges.ts";
import type { DirectionPlan, Plan } from "../../src/plan/plan.ts";
import { PortSet } from "../../src/plan/port-set.ts";

export interface Wanted {
  readonly uid?: number;
  readonly inbound?: WantedDirection;
  readonly outbound?: WantedDirection;
  /** "tcp:53,3000-5000:106-108": protocol, ports, users. */
  readonly users?: readonly string[];
  readonly dns?: Plan["dns"]["redirect"];
  readonly dnsPort?: number;
  readonly servers?: readonly string[];
  /** "br+:172.17.0.0/16". */
  readonly networks?: readonly string[];
  readonly dropInvalid?: boolean;
  readonly logLevel?: number;
  readonly whenProxyDown?: Plan["whenProxyDown"];
  readonly tcInterface?: string;
  readonly instance?: readonly string[];
}

interface WantedDirection {
  readonly redirect?: boolean;
  readonly port?: number;
  readonly include?: readonly number[];
  readonly exclude?: readonly number[];
  readonly addresses?: readonly string[];
}

export function samplePlan(wanted: Wanted = {}): Plan {
  const { tcInterface: name } = wanted;
  return {
    netns: { inode: 4_026_531_840, cookie: 7n },
    proxyUser: { name: undefined, uid: wanted.uid ?? 5678 },
    ipv6: true,
    outbound: direction({ port: 15001, ...wanted.outbound }),
    inbound: direction({ port: 15006, ...wanted.inbound }),
    instance: wanted.instance?.map(address) ?? "all",
    tcInterface:
      name === undefined ? undefined : { name, index: 2, up: true, loopback: false, addresses: [] },
    interfaces: [],
    addresses: [],
    passthroughAddress: "present",
    userExclusions: (wanted.users ?? []).map(userExclusion),
    dns: {
      redirect: wanted.dns ?? "none",
      port: wanted.dnsPort ?? 15053,
      servers: (wanted.servers ?? []).map(address),
    },
    whenProxyDown: wanted.whenProxyDown ?? "refuse",
    virtualNetworks: (wanted.networks ?? []).map(virtualNetwork),
    dropInvalid: wanted.dropInvalid ?? false,
    logLevel: wanted.logLevel,
    notes: [],
  };
}

function direction(wanted: WantedDirection & { readonly port: number }): DirectionPlan {
  const { redirect = true, port, include = [], exclude = [], addresses = [] } = wanted;
  return {
    redirect,
    port,
    ports: PortSet.redirected(include, exclude),
    includedPorts: include,
    excludedPorts: exclude,
    excludedAddresses: addresses.map(prefix),
  };
}

function userExclusion(text: string): UserExclusion {
  const [protocol, ports = "", uids = ""] = text.split(":");
  if (protocol !== "tcp" && protocol !== "udp") throw new Error(text);
  return { protocol, ports: ranges(ports), uids: ranges(uids) };
}

function ranges(text: string): NumberRange[] {
  return text.split(",").map((part) => {
    const [first = Number.NaN, last = first] = part.split("-").map(Number);
    return { first, last };
  });
}

function virtualNetwork(text: string): VirtualNetwork {
  const colon = text.indexOf(":");
  return { interface: text.slice(0, colon), prefix: prefix(text.slice(colon + 1)) };
}

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}
