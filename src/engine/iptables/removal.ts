// SPDX-License-Identifier: Apache-2.0
import type { OursInTable } from "./ownership.ts";
import type { SavedRule } from "./saved.ts";

/** Lines for iptables-restore that take ours out of a table, and leave the rules of others and their counters. */
export function removalLines({ chains, rules, table }: OursInTable): string[] {
  const own = new Set(rules);
  const theirs = table.rules.filter((rule) => !own.has(rule));
  return [
    ...[...new Set(rules.map(({ chain }) => chain))].flatMap((chain) => deleteFrom(chain, rules, theirs)),
    // First all are emptied: they jump to each other.
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
  ];
}

/**
 * By their text, which cannot hit another rule if somebody changes the chain at this moment. iptables deletes the first
 * rule with that text: where somebody else's stands before ours, by their places, the last one first.
 */
function deleteFrom(chain: string, ours: readonly SavedRule[], theirs: readonly SavedRule[]): string[] {
  const inChain = ours.filter((rule) => rule.chain === chain);
  const ambiguous = inChain.some(({ spec, position }) =>
    theirs.some((other) => other.chain === chain && other.spec === spec && other.position < position),
  );
  if (!ambiguous) return inChain.map(({ spec }) => `-D ${chain} ${spec}`);
  return inChain.map(({ position }) => `-D ${chain} ${position}`).reverse();
}

/**
 * Lines that make what {@link removalLines} took, in the places where it was. Counters begin at zero.
 *
 * @param theirs how many rules of others a chain has now: where some are gone since (firewalld removes all when it reloads),
 * ours come behind those that are left
 */
export function restorationLines(
  { chains, rules, table }: OursInTable,
  theirs: (chain: string) => number,
): string[] {
  const places = rules.map(({ chain, position }, index) => {
    const before = rules.slice(0, index).filter((rule) => rule.chain === chain).length;
    return Math.min(position, theirs(chain) + before + 1);
  });
  return [
    ...chains.map((chain) => `-N ${chain}`),
    ...table.rules
      .filter(({ chain }) => chains.includes(chain))
      .map(({ chain, spec }) => `-A ${chain} ${spec}`),
    ...rules.map(({ chain, spec }, index) => `-I ${chain} ${places[index]} ${spec}`),
  ];
}
