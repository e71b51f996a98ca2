// SPDX-License-Identifier: Apache-2.0
import { type Address, unmapAddress } from "../core/address.ts";
import { decideDns } from "./decide-dns.ts";
import { decideInbound } from "./decide-inbound.ts";
import { decideOutbound } from "./decide-outbound.ts";
import { resolveUnspecified } from "./decide-places.ts";
import type { Decision } from "./decide-result.ts";
import type { Plan } from "./plan.ts";

export type Connection = OutboundConnection | InboundConnection | DnsQuery;

/** TCP that a user of this host opens. */
export interface OutboundConnection {
  readonly kind: "outbound";
  readonly uid: number;
  /** What the socket is bound to; undefined: it is not. */
  readonly from: Address | undefined;
  readonly to: Address;
  /** 1–65535 */
  readonly port: number;
}

/** TCP that arrives from another host. */
export interface InboundConnection {
  readonly kind: "inbound";
  readonly from: Address;
  readonly to: Address;
  /** 1–65535 */
  readonly port: number;
  /** The name of the interface that it arrives on. */
  readonly interface: string;
  /** What becomes of connections through this host to another one: the one thing in which the engines differ. */
  readonly forwarded: "untouched" | "inbound";
}

/** A UDP datagram that a user of this host sends. */
export interface DnsQuery {
  readonly kind: "dns";
  readonly uid: number;
  readonly to: Address;
  /** 1–65535; 53 for what counts as a query. */
  readonly port: number;
}

/**
 * What becomes of a connection or a query under a plan, and which rule decides. Pure; the proxy is taken to listen. The
 * order of the rules is that of kumactl's in iptables: both engines have to do what this says. A v4-mapped destination
 * is IPv4.
 */
export function decide(plan: Plan, connection: Connection): Decision {
  switch (connection.kind) {
    case "outbound": {
      const from = connection.from && unmapAddress(connection.from);
      const to = resolveUnspecified(unmapAddress(connection.to), from);
      return decideOutbound({ ...connection, plan, from, to });
    }
    case "inbound": {
      const [from, to] = [unmapAddress(connection.from), unmapAddress(connection.to)];
      return decideInbound({ ...connection, plan, from, to });
    }
    case "dns": {
      const to = resolveUnspecified(unmapAddress(connection.to), undefined);
      return decideDns({ ...connection, plan, to });
    }
  }
}
