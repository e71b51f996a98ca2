// SPDX-License-Identifier: Apache-2.0
import { isMap, type YAMLMap } from "yaml";
import { type Edit, insertion } from "./edit.ts";
import { type Extent, endOfPair } from "./extent.ts";
import { closeSections, sectionsAround } from "./guard.ts";
import { layoutOf } from "./layout.ts";
import { findPair, nameOf, type ReadPair, startOf, toReadPair } from "./read.ts";
import { bracesOfEntries, bracesOfSection, type Layout, type SectionEntries } from "./section-text.ts";
import { refusal } from "./source.ts";
import type { Edits, Task } from "./task.ts";

/** Where `networking` stands in braces, as in JSON. */
export function editBraces(task: Task): Edits {
  const { file, dataplane, missing } = task;
  const { value } = dataplane.networking;
  const layout = layoutOf(task);
  const items = value.items.map(toReadPair);
  const outbound = items.flatMap((pair, index) => (nameOf(pair.key) === "outbound" ? [index] : []));
  const section = findPair(value, "transparentProxying");
  if (section !== undefined) {
    const gone = gaps(task, items, outbound);
    return {
      edits: [
        ...gone.map(({ start, end }) => ({ start, end, text: "" })),
        ...fillSection(task, section, layout),
      ],
      gone,
    };
  }
  const text = bracesOfSection(missing, layout);
  const [place, ...others] = outbound;
  const pair = place === undefined ? undefined : items[place];
  if (pair === undefined) return { edits: [addLast(value, items, text, layout)], gone: [] };
  requireFree(task, startOf(pair.key));
  const replaced = closeSections(file, extentOf(pair), task.sections);
  const gone = gaps(task, items, others);
  return {
    edits: [{ ...replaced, text }, ...gone.map(({ start, end }) => ({ start, end, text: "" }))],
    gone: [replaced, ...gone],
  };
}

/** Entries go in front of what is there. */
export function bracesInto(table: YAMLMap, entries: SectionEntries, layout: Layout): readonly Edit[] {
  const text = bracesOfEntries(entries, layout);
  const first = table.items.map(toReadPair)[0];
  if (first === undefined) return [insertion(startOf(table) + 1, text.join(", "))];
  const between = layout.indent === undefined ? ", " : `,${layout.newline}${layout.indent}`;
  return [insertion(startOf(first.key), text.map((entry) => entry + between).join(""))];
}

function fillSection(task: Task, { key, value }: ReadPair, layout: Layout): readonly Edit[] {
  if (task.missing.length === 0) return [];
  if (isMap(value)) {
    const first = value.items.map(toReadPair)[0];
    const inner =
      first === undefined
        ? undefined
        : layoutOf({ ...task, dataplane: { ...task.dataplane, networking: { key, value } } }).indent;
    return bracesInto(value, task.missing, { ...layout, indent: inner });
  }
  const [start, end] = value?.range ?? [0, 0];
  if (start === end || task.file.source.text.slice(start, end) !== "null")
    throw refusal(task.file.source, startOf(key), "transparentProxying is no table of settings (key: value)");
  return [{ start, end, text: `{${bracesOfEntries(task.missing, layout).join(", ")}}` }];
}

function addLast(
  table: YAMLMap,
  items: readonly ReadPair[],
  text: string,
  { indent, newline }: Layout,
): Edit {
  const last = items.at(-1);
  if (last === undefined) return insertion(startOf(table) + 1, text);
  return insertion(endOfPair(last), `,${indent === undefined ? " " : newline + indent}${text}`);
}

function extentOf(pair: ReadPair): Extent {
  return { start: startOf(pair.key), end: endOfPair(pair) };
}

/** Each with the comma and the blanks up to the next one; the last ones together, with those before them. */
function gaps(task: Task, items: readonly ReadPair[], indexes: readonly number[]): Extent[] {
  const { file, sections } = task;
  const isGone = (index: number) => indexes.includes(index);
  const lastKept = items.findLastIndex((_, index) => !isGone(index));
  const runs = items.flatMap((pair, index): { pair: Extent; wide: Extent }[] => {
    if (!isGone(index)) return [];
    const [own, before, after] = [extentOf(pair), items[index - 1], items[index + 1]];
    if (index < lastKept && after !== undefined)
      return [{ pair: own, wide: { ...own, end: startOf(after.key) } }];
    return [{ pair: own, wide: { ...own, start: before === undefined ? own.start : endOfPair(before) } }];
  });
  return runs.map(({ pair, wide }) => {
    const { text } = file.masked;
    const around = text.slice(wide.start, pair.start) + text.slice(pair.end, wide.end);
    // A comment stays, and a comma too many does no harm there.
    const extent = around.includes("#") ? { ...pair, end: behindComma(text, pair.end) } : wide;
    return closeSections(file, extent, sections);
  });
}

function behindComma(text: string, end: number): number {
  return end + (/^\s*,/.exec(text.slice(end))?.[0].length ?? 0);
}

function requireFree({ file, dataplane, sections }: Task, offset: number): void {
  if (sectionsAround(sections, offset) === sectionsAround(sections, startOf(dataplane.networking.key)))
    return;
  throw refusal(
    file.source,
    offset,
    "networking.outbound hangs on a section of the template",
    "Write transparentProxying by hand.",
  );
}
