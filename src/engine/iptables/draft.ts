// SPDX-License-Identifier: Apache-2.0
import type { Prefix } from "../../core/address.ts";
import type { Match, Rule } from "./rule.ts";

/** A rule without its place: whether it goes before the rules of others. */
export interface Draft extends Omit<Rule, "insertAt"> {
  readonly insert?: boolean;
}

/** Rules that are inserted get the places 1, 2, … of their chain, in the order in which they are written. */
export function placeRules(drafts: readonly Draft[]): Rule[] {
  const places = new Map<Rule["chain"], number>();
  return drafts.map(({ insert, ...rule }) => {
    if (insert !== true) return rule;
    const place = (places.get(rule.chain) ?? 0) + 1;
    places.set(rule.chain, place);
    return { ...rule, insertAt: place };
  });
}

export const DNS_PORT = 53;

export const TCP: Match = { match: "protocol", protocol: "tcp" };
export const UDP: Match = { match: "protocol", protocol: "udp" };
export const UDP_TO_DNS: readonly Match[] = [UDP, toPort(DNS_PORT)];

export function toPort(port: number): Match {
  return { match: "destination-port", port };
}

export function fromPort(port: number): Match {
  return { match: "source-port", port };
}

export function to(prefix: Prefix): Match {
  return { match: "destination", prefix };
}

export function notTo(prefix: Prefix): Match {
  return { match: "destination", prefix, not: true };
}

export function from(prefix: Prefix): Match {
  return { match: "source", prefix };
}

export function arrivingOn(name: string): Match {
  return { match: "in-interface", name };
}

export function byUser(uid: number): Match {
  return { match: "uid", uids: { first: uid, last: uid } };
}

export function notByUser(uid: number): Match {
  return { match: "uid", uids: { first: uid, last: uid }, not: true };
}
