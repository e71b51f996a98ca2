// SPDX-License-Identifier: Apache-2.0
import { refusal, type Source } from "./source.ts";

/** A Mustache tag: what kuma-dp replaces before it reads the YAML. */
export interface Tag {
  /** Offsets: of its first brace, and behind its last one. */
  readonly start: number;
  readonly end: number;
  readonly kind: "variable" | "section" | "inverted" | "end" | "comment" | "partial";
  /** Of a variable or section: "address", "node.address". */
  readonly name: string;
  /** `{{{ name }}}` or `{{& name }}`: the value goes in without HTML's escapes. */
  readonly raw: boolean;
  /** There is nothing else on its line but blanks: as text it is no value of anything. */
  readonly alone: boolean;
}

/** A section's two tags, and the sections around it, outermost first. */
export interface Section {
  readonly open: Tag;
  readonly close: Tag;
}

const TAG = /\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\}/g;

/**
 * The tags of a text, in their order.
 *
 * @throws TproxyError DATAPLANE_INVALID where a tag is not closed, or changes how tags are written
 */
export function findTags(source: Source): Tag[] {
  const { text } = source;
  const tags = [...text.matchAll(TAG)].map(({ 0: tag, index }) => {
    const raw = tag.startsWith("{{{");
    const content = tag.slice(raw ? 3 : 2, raw ? -3 : -2).trim();
    if (content.startsWith("="))
      throw refusal(source, index, "this changes how placeholders are written, and is not understood");
    return readTag(text, index, index + tag.length, content, raw);
  });
  requireClosed(source, tags);
  return tags;
}

function requireClosed(source: Source, tags: readonly Tag[]): void {
  let from = 0;
  for (const { start, end } of [...tags, { start: source.text.length, end: 0 }]) {
    const open = source.text.slice(from, start).indexOf("{{");
    if (open >= 0)
      throw refusal(source, from + open, "a placeholder begins here that does not end: }} is missing");
    from = end;
  }
}

const KINDS: Readonly<Record<string, Tag["kind"]>> = {
  "#": "section",
  "^": "inverted",
  "/": "end",
  "!": "comment",
  ">": "partial",
  "&": "variable",
};

function readTag(text: string, start: number, end: number, content: string, triple: boolean): Tag {
  const sign = content.slice(0, 1);
  const kind = triple ? "variable" : (KINDS[sign] ?? "variable");
  const name = !triple && sign in KINDS ? content.slice(1).trim() : content;
  return { start, end, kind, name, raw: triple || sign === "&", alone: isAlone(text, start, end) };
}

function isAlone(text: string, start: number, end: number): boolean {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const lineEnd = text.indexOf("\n", end);
  const rest = text.slice(end, lineEnd < 0 ? text.length : lineEnd);
  return /^[ \t\ufeff]*$/.test(text.slice(lineStart, start)) && /^[ \t\r]*$/.test(rest);
}

/**
 * The sections, in the order in which they end.
 *
 * @throws TproxyError DATAPLANE_INVALID where one is not closed, or was not opened
 */
export function findSections(source: Source, tags: readonly Tag[]): Section[] {
  const sections: Section[] = [];
  const open: Tag[] = [];
  for (const tag of tags) {
    if (tag.kind === "section" || tag.kind === "inverted") open.push(tag);
    if (tag.kind !== "end") continue;
    const opened = open.pop();
    if (opened?.name !== tag.name)
      throw refusal(source, tag.start, `{{/${tag.name}}} ends a section that did not begin`);
    sections.push({ open: opened, close: tag });
  }
  const [left] = open;
  if (left !== undefined)
    throw refusal(source, left.start, `the section ${left.name} has no end, {{/${left.name}}}`);
  return sections;
}
