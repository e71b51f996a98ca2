// SPDX-License-Identifier: Apache-2.0
import type { Family, Prefix } from "../../core/address.ts";
import type { NumberRange } from "../../core/ranges.ts";

/*
 * The rules of an installation as data: what they match and what becomes of it, without saying how that is written.
 * Names are iptables' own.
 */

export const TABLES = ["raw", "nat", "mangle"] as const;
export type TableName = (typeof TABLES)[number];

export const BUILT_IN_CHAINS = ["PREROUTING", "OUTPUT"] as const;
export type BuiltInChain = (typeof BUILT_IN_CHAINS)[number];

/** Ours, made in the table nat. The names are kumactl's, so that either tool cleans up after the other. */
export const OUR_CHAINS = {
  inbound: "KUMA_MESH_INBOUND",
  outbound: "KUMA_MESH_OUTBOUND",
  inboundRedirect: "KUMA_MESH_INBOUND_REDIRECT",
  outboundRedirect: "KUMA_MESH_OUTBOUND_REDIRECT",
} as const;
export type OurChain = (typeof OUR_CHAINS)[keyof typeof OUR_CHAINS];

/** What every comment of ours begins with; kumactl's begin so, too. */
export const COMMENT_PREFIX = "kuma/mesh/transparent/proxy/";

/** Conditions; all of a rule's must hold. They are written in the order in which they stand in the rule. */
export type Match =
  | { readonly match: "protocol"; readonly protocol: "tcp" | "udp" }
  | { readonly match: "source" | "destination"; readonly prefix: Prefix; readonly not?: true }
  /** An interface's name, or the beginning of names and `+`. */
  | { readonly match: "in-interface" | "out-interface"; readonly name: string }
  | { readonly match: "source-port" | "destination-port"; readonly port: number }
  /** 1 to 15 elements of `multiport`; a range counts as two. */
  | { readonly match: "destination-ports"; readonly ports: readonly NumberRange[] }
  | { readonly match: "uid"; readonly uids: NumberRange; readonly not?: true }
  | { readonly match: "conntrack-invalid" };

export type Action =
  | { readonly action: "return" | "drop" }
  | { readonly action: "jump"; readonly chain: OurChain | "DOCKER_OUTPUT" }
  /** To a port of this host, 1–65535. */
  | { readonly action: "redirect"; readonly port: number }
  /** Of the syslog level 0–7. */
  | { readonly action: "log"; readonly prefix: string; readonly level: number }
  | { readonly action: "conntrack-zone"; readonly zone: number };

export interface Rule {
  readonly chain: BuiltInChain | OurChain;
  /** Before the rules of others: at this place of the chain, from 1 on. Else it goes to the end. */
  readonly insertAt?: number;
  readonly matches: readonly Match[];
  readonly action: Action;
  /** What it is for, in a few plain words (printable ASCII without quotes): written as a comment after the prefix. */
  readonly comment: string;
}

export interface Table {
  readonly table: TableName;
  /** Chains to be made first, in this order. */
  readonly chains: readonly OurChain[];
  /** In the order in which they are written: PREROUTING, OUTPUT, then our chains in the order of `chains`. */
  readonly rules: readonly Rule[];
}

/** What belongs to one family: tables in the order of TABLES, without those that hold nothing of ours. */
export interface RuleSet {
  readonly family: Family;
  readonly tables: readonly Table[];
}

/** What the host's iptables and its present rules mean for ours, in one family. */
export interface RuleContext {
  /** Conntrack zones can be used, and splitting DNS traffic into two is wanted. */
  readonly splitZones: boolean;
  /** The table nat has a chain DOCKER_OUTPUT: Docker's own DNS is behind it. */
  readonly dockerOutput: boolean;
  readonly insertInbound: boolean;
  readonly insertOutbound: boolean;
}

/** How rules are written. */
export interface Style {
  /** The module `comment` is there and wanted. */
  readonly comments: boolean;
  /** Long option names, headings and blank lines, as kumactl's --verbose. */
  readonly verbose: boolean;
}
