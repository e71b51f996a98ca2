// SPDX-License-Identifier: Apache-2.0
import { isAlias, visit } from "yaml";
import { type Extent, lineAt, nextLine } from "./extent.ts";
import { type Dataplane, type DataplaneFile, startOf } from "./read.ts";
import { refusal } from "./source.ts";
import type { Section } from "./tags.ts";

/** The sections of the template that a place is in, outermost first, as text that is the same where they are. */
export function sectionsAround(sections: readonly Section[], offset: number): string {
  return sections
    .filter(({ open, close }) => open.start < offset && offset <= close.start)
    .map(({ open }) => open.start)
    .sort((a, b) => a - b)
    .join(",");
}

/**
 * The lines that are to go, with the end of a section of the template that began in them, where that follows at once.
 *
 * @param widen what else goes with lines that end there
 * @throws TproxyError DATAPLANE_INVALID where a half of a section would be left
 */
export function closeSections(
  file: DataplaneFile,
  extent: Extent,
  sections: readonly Section[],
  widen = (end: number) => end,
): Extent {
  const { source, masked } = file;
  const isIn = (offset: number) => extent.start <= offset && offset < extent.end;
  const half = sections.find(({ open, close }) => isIn(open.start) !== isIn(close.start));
  if (half === undefined) return extent;
  const { open, close } = half;
  const end = nextLine(masked.text, close.end);
  const between = masked.text.slice(extent.end, end).split("\n");
  if (isIn(open.start) && between.every((line) => /^\s*(#[^\n]*)?$/.test(line)))
    return closeSections(file, { start: extent.start, end: widen(end) }, sections, widen);
  const problem = `the section ${open.name} of the template is half in networking.outbound and half outside of it`;
  throw refusal(source, isIn(open.start) ? open.start : close.start, problem, "Move one of its two ends.");
}

/** @throws TproxyError DATAPLANE_INVALID where something that stays refers to something that goes. */
export function requireNoAliasInto(
  file: DataplaneFile,
  { document, aliases }: Dataplane,
  gone: readonly Extent[],
): void {
  const isGone = (offset: number) => gone.some(({ start, end }) => start <= offset && offset < end);
  visit(document, (_key, node) => {
    if (!isAlias(node) || isGone(startOf(node))) return;
    const target = aliases.follow(node);
    if (typeof target === "string" || !isGone(startOf(target))) return;
    throw refusal(
      file.source,
      startOf(node),
      `*${node.source} stands for something in networking.outbound, which is to go`,
      "Write it out here.",
    );
  });
}

/** Whether the line that begins there is a comment of YAML, or one of the template. */
export function isPlainComment(text: string, start: number): boolean {
  return /^\s*(#|\{\{!)/.test(lineAt(text, start));
}
