// SPDX-License-Identifier: Apache-2.0
import type { UserExclusion, VirtualNetwork, WhenProxyDown } from "../config/config.ts";
import type { Address, Prefix } from "../core/address.ts";
import type { InterfaceFact, NetnsFact, UserFact } from "../core/facts.ts";
import type { PortSet } from "./port-set.ts";

/** Seen from the application: connections it opens, and connections it takes. */
export type Direction = "outbound" | "inbound";

/**
 * What is intercepted in one network namespace, what is left alone, and why: everything an engine needs to
 * know. Both engines execute the same plan, which is what makes them mean the same.
 */
export interface Plan {
  readonly netns: NetnsFact;
  /** Connections of this user are the proxy's own. */
  readonly proxyUser: UserFact;
  /** Whether IPv6 is intercepted, or left alone. */
  readonly ipv6: boolean;
  readonly outbound: DirectionPlan;
  readonly inbound: DirectionPlan;
  /** Whose inbound traffic is intercepted: these addresses, or all that the namespace has and will have. */
  readonly instance: "all" | readonly Address[];
  /** The one interface whose inbound traffic is intercepted, by tc; undefined: that of all but loopback. */
  readonly tcInterface: InterfaceFact | undefined;
  /** All interfaces but loopback. */
  readonly interfaces: readonly InterfaceFact[];
  /** What counts as an address of this host, without 127.0.0.0/8 and ::1, which always do. */
  readonly addresses: readonly PlannedAddress[];
  /** Whether ::6/128 has to be on lo, and whether it is there already. */
  readonly passthroughAddress: "unwanted" | "missing" | "present";
  /** Outbound connections and queries of these users that are left alone, in the order given. */
  readonly userExclusions: readonly UserExclusion[];
  readonly dns: DnsPlan;
  /** What becomes of connections and queries while nobody listens where they are sent. iptables can only refuse. */
  readonly whenProxyDown: WhenProxyDown;
  /** Networks behind interfaces of this host whose traffic to elsewhere goes to the outbound port. By interface. */
  readonly virtualNetworks: readonly VirtualNetwork[];
  /** Packets that conntrack finds invalid are dropped on arrival. */
  readonly dropInvalid: boolean;
  /** Every packet that passes the hooks is written to the kernel's log at this level (0–7); undefined: none is. */
  readonly logLevel: number | undefined;
  /** What the user should know of what was asked for and this host, one sentence each. */
  readonly notes: readonly string[];
}

/** What the proxy binds to when it hands an IPv6 request to its own application. IPv4 has 127.0.0.6 anyway. */
export const PASSTHROUGH_ADDRESS: Address = {
  family: 6,
  bytes: Uint8Array.of(...new Array<number>(15).fill(0), 6),
};

export interface DirectionPlan {
  readonly redirect: boolean;
  /** The proxy's port, 1–65535. */
  readonly port: number;
  /** The ports that are redirected. */
  readonly ports: PortSet;
  /** What `ports` was made of, ascending: only these are redirected … */
  readonly includedPorts: readonly number[];
  /** … or all but these. One of the two lists is empty. */
  readonly excludedPorts: readonly number[];
  /** Outbound: destinations that are left alone; inbound: sources. Of both families, in the order given. */
  readonly excludedAddresses: readonly Prefix[];
}

export interface DnsPlan {
  /**
   * Which UDP datagrams to port 53 go to the DNS proxy: those to the name servers of resolv.conf, or all. Never the
   * proxy's own. With "servers" and "all", TCP to port 53 is left alone.
   */
  readonly redirect: "none" | "servers" | "all";
  /** The DNS proxy's port, 1–65535. */
  readonly port: number;
  /** Of both families, in resolv.conf's order; empty unless `redirect` is "servers". */
  readonly servers: readonly Address[];
  /** The file that they were read from; only where `redirect` is "servers". */
  readonly resolvConfPath?: string;
}

export interface PlannedAddress {
  readonly prefix: Prefix;
  readonly kind: "local" | "broadcast";
  /** Inbound connections to it are intercepted. */
  readonly instance: boolean;
}
