// SPDX-License-Identifier: Apache-2.0
import { isMap, isScalar } from "yaml";
import { type Edit, insertion, removal } from "./edit.ts";
import { bracesInto } from "./edit-braces.ts";
import {
  behindComments,
  type Extent,
  endOf,
  endOfLines,
  endOfPair,
  indentOf,
  linesOf,
  nextLine,
} from "./extent.ts";
import { closeSections, isPlainComment, sectionsAround } from "./guard.ts";
import { layoutOf } from "./layout.ts";
import { findPair, findPairs, type ReadPair, startOf, toReadPair } from "./read.ts";
import { linesOfEntries, linesOfSection } from "./section-text.ts";
import { refusal } from "./source.ts";
import type { Edits, Task } from "./task.ts";

/** Where `networking` is a table in lines. */
export function editLines(task: Task): Edits {
  const { file, dataplane, sections } = task;
  const { text } = file.masked;
  const { value } = dataplane.networking;
  for (const { key } of value.items.map(toReadPair)) requireOwnLine(task, startOf(key));
  const gone = findPairs(value, "outbound").map((pair) =>
    closeSections(
      file,
      linesOf(text, pair, (start) => isPlainComment(file.source.text, start)),
      sections,
      (end) => behindComments(text, end, indentOf(text, startOf(pair.key))?.length ?? 0),
    ),
  );
  const section = findPair(value, "transparentProxying");
  if (section !== undefined) return { edits: [...gone.map(removal), ...fillSection(task, section)], gone };
  return { edits: [...gone.map(removal), newSection(task, gone)], gone };
}

/** In the place of the outbound section; where that hangs on a section of the template, before all else. */
function newSection(task: Task, gone: readonly Extent[]): Edit {
  const { file, dataplane, sections, missing } = task;
  const { text } = file.source;
  const { key, value } = dataplane.networking;
  const layout = layoutOf(task);
  const lines = linesOfSection(missing, layout);
  const items = value.items.map(toReadPair);
  const last = items.at(-1);
  const around = sectionsAround(sections, startOf(key));
  const isFree = (offset: number) => sectionsAround(sections, offset) === around;
  const [place] = gone;
  if (place !== undefined && isFree(place.start)) {
    const isLast = place.end === text.length && !text.endsWith("\n");
    return insertion(place.start, isLast ? lines : lines + layout.newline);
  }
  const end = last === undefined ? undefined : endOfLines(file.masked.text, last, layout.indent?.length ?? 0);
  if (place === undefined && end !== undefined && isFree(end)) {
    const isLast = end === text.length && !text.endsWith("\n");
    return insertion(end, isLast ? layout.newline + lines : lines + layout.newline);
  }
  return insertion(nextLine(text, endOf(key)), lines + layout.newline);
}

function fillSection(task: Task, pair: ReadPair): readonly Edit[] {
  const { file, missing } = task;
  const { key, value } = pair;
  if (missing.length === 0) return [];
  const layout = layoutOf(task);
  if (isMap(value) && value.flow === true)
    return bracesInto(value, missing, { ...layout, indent: undefined });
  const first = isMap(value) ? value.items.map(toReadPair)[0] : undefined;
  if (first !== undefined) {
    requireOwnLine(task, startOf(first.key));
    const indent = indentOf(file.source.text, startOf(first.key)) ?? "";
    const lines = linesOfEntries(missing, { ...layout, indent });
    return [insertion(startOf(first.key) - indent.length, lines + layout.newline)];
  }
  if (value !== null && !(isScalar(value) && value.value === null))
    throw refusal(file.source, startOf(key), "transparentProxying is no table of settings (key: value)");
  const [start, end] = value?.range ?? [endOfPair(pair), endOfPair(pair)];
  const lines = linesOfEntries(missing, { ...layout, indent: (layout.indent ?? "") + layout.step });
  const below = nextLine(file.source.text, end);
  const isLast = below === file.source.text.length && !file.source.text.endsWith("\n");
  return [
    removal({ start, end }),
    insertion(below, isLast ? layout.newline + lines : lines + layout.newline),
  ];
}

function requireOwnLine({ file: { source } }: Task, offset: number): void {
  if (indentOf(source.text, offset) === undefined)
    throw refusal(
      source,
      offset,
      "this key shares its line with something else (? or & or !)",
      "Write it on a line of its own.",
    );
}
