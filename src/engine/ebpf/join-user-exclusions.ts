// SPDX-License-Identifier: Apache-2.0
import type { UserExclusion } from "../../config/config.ts";
import { TproxyError } from "../../core/errors.ts";
import type { NumberRange } from "../../core/ranges.ts";

export type Protocol = UserExclusion["protocol"];

export const PROTOCOLS: readonly Protocol[] = ["tcp", "udp"];

/** Users that have the same set of ports, by its place in `sets`. */
export interface UserRange {
  readonly protocol: Protocol;
  readonly uids: NumberRange;
  readonly set: number;
}

export interface JoinedExclusions {
  /** Of one protocol, no user is in two of them. */
  readonly ranges: readonly UserRange[];
  /** No port is twice in a set, and no set is there twice. */
  readonly sets: readonly (readonly NumberRange[])[];
}

/**
 * So many ranges of ports, in all sets together, take some 100 MiB. 10 000 rules that do not overlap need 10 000; where
 * every rule overlaps with every other it is their number squared.
 */
const MOST_PORT_RANGES = 1 << 20;

/**
 * Of rules that may overlap: for each user the one set of ports that all the rules for that user make together.
 *
 * @throws TproxyError OPTION_UNSUPPORTED where they overlap so much that these sets would not fit into memory
 */
export function joinUserExclusions(rules: readonly UserExclusion[]): JoinedExclusions {
  const sets = new Sets();
  const ranges = PROTOCOLS.flatMap((protocol) => {
    const own = rules.filter((rule) => rule.protocol === protocol);
    return divide(own, sets).map((range) => ({ protocol, ...range }));
  });
  return { ranges, sets: sets.all };
}

/** Goes through the users in ascending order, from one where a rule begins or ends to the next. */
function divide(rules: readonly UserExclusion[], sets: Sets): { uids: NumberRange; set: number }[] {
  const ranges: { uids: { first: number; last: number }; set: number }[] = [];
  const active = new Map<UserExclusion, number>();
  const borders = findBorders(rules);
  for (const [index, { at, changes }] of borders.entries()) {
    for (const [rule, change] of changes) {
      const count = (active.get(rule) ?? 0) + change;
      if (count === 0) active.delete(rule);
      else active.set(rule, count);
    }
    const next = borders[index + 1];
    if (active.size === 0 || next === undefined) continue;
    const set = sets.numberOf([...active.keys()].flatMap(({ ports }) => ports));
    const last = ranges.at(-1);
    if (last !== undefined && last.set === set && last.uids.last === at - 1) last.uids.last = next.at - 1;
    else ranges.push({ uids: { first: at, last: next.at - 1 }, set });
  }
  return ranges;
}

interface Border {
  readonly at: number;
  /** 1: a range of the rule begins here, -1: one ended before. */
  readonly changes: (readonly [rule: UserExclusion, change: 1 | -1])[];
}

function findBorders(rules: readonly UserExclusion[]): Border[] {
  const borders = new Map<number, Border>();
  const add = (at: number, rule: UserExclusion, change: 1 | -1) => {
    const border = borders.get(at) ?? { at, changes: [] };
    border.changes.push([rule, change]);
    borders.set(at, border);
  };
  for (const rule of rules) {
    for (const { first, last } of rule.uids) {
      add(first, rule, 1);
      add(last + 1, rule, -1);
    }
  }
  return [...borders.values()].sort((a, b) => a.at - b.at);
}

/** Sets of ports, each with a number. */
class Sets {
  readonly all: (readonly NumberRange[])[] = [];
  readonly #numbers = new Map<string, number>();
  #ranges = 0;

  numberOf(ports: readonly NumberRange[]): number {
    const merged = merge(ports);
    const name = merged.map(({ first, last }) => `${first}-${last}`).join();
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#ranges += merged.length;
    if (this.#ranges > MOST_PORT_RANGES) throw tooManySets();
    this.#numbers.set(name, this.all.length);
    return this.all.push(merged) - 1;
  }
}

function tooManySets(): TproxyError {
  return new TproxyError(
    "OPTION_UNSUPPORTED",
    "the rules for users overlap so much that the eBPF engine would need more than " +
      `${MOST_PORT_RANGES} ranges of ports for them`,
    {
      hint:
        "Write fewer rules of --exclude-outbound-ports-for-uids with large overlapping ranges of users; " +
        "--engine=iptables takes them as they are.",
    },
  );
}

/** Ascending, and none touches the next. */
function merge(ranges: readonly NumberRange[]): NumberRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}
