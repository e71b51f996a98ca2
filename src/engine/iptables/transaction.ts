// SPDX-License-Identifier: Apache-2.0
import type { OursInTable } from "./ownership.ts";
import { removalLines, restorationLines } from "./removal.ts";
import type { Snapshot } from "./saved.ts";

/**
 * The text that puts rules in the place of those that are there: `rendered` (from `renderRules`), with the lines that
 * remove the old ones at the head of each table. Nothing there: exactly `rendered`. One COMMIT a table, so that
 * within a table no packet meets neither or both.
 */
export function replaceRules(rendered: string, present: readonly OursInTable[]): string {
  const removal = new Map(present.map((ours) => [ours.name, removalLines(ours)]));
  const lines = rendered.split("\n").flatMap((line) => {
    const name = /^\* (\S+)$/.exec(line)?.[1];
    const removed = name === undefined ? undefined : removal.get(name);
    if (name !== undefined) removal.delete(name);
    return [line, ...(removed ?? [])];
  });
  const others = [...removal].map(([name, removed]) => tableText(name, removed));
  return [lines.join("\n").trimEnd(), ...others].filter((part) => part !== "").join("\n\n");
}

/**
 * The text that removes. What redirects goes first.
 *
 * @param instead lines that come into nat in the same moment
 */
export function removeRules(present: readonly OursInTable[], instead: readonly string[] = []): string {
  return natFirst(present)
    .map((ours) => tableText(ours.name, [...removalLines(ours), ...(ours.name === "nat" ? instead : [])]))
    .join("\n\n");
}

/** The text that leads from what is there now back to what was there `before`. */
export function restoreRulesOf(
  { ours: now, snapshot }: { readonly ours: readonly OursInTable[]; readonly snapshot: Snapshot },
  before: readonly OursInTable[],
): string {
  const names = new Set([...now, ...before].map(({ name }) => name));
  const theirs = (name: string) => (chain: string) => {
    const all = snapshot.tables.find((table) => table.name === name)?.rules ?? [];
    const ours = new Set(of(now, name).flatMap(({ rules }) => rules));
    return all.filter((rule) => rule.chain === chain && !ours.has(rule)).length;
  };
  const of = (list: readonly OursInTable[], name: string) => list.filter((ours) => ours.name === name);
  return [...names]
    .map((name) =>
      tableText(name, [
        ...of(now, name).flatMap(removalLines),
        ...of(before, name).flatMap((ours) => restorationLines(ours, theirs(name))),
      ]),
    )
    .join("\n\n");
}

/** The text that does something to one table, in one moment. */
export function tableText(name: string, lines: readonly string[]): string {
  return [`* ${name}`, ...lines, "COMMIT"].join("\n");
}

function natFirst(present: readonly OursInTable[]): OursInTable[] {
  return [...present].sort((a, b) => Number(b.name === "nat") - Number(a.name === "nat"));
}
