// SPDX-License-Identifier: Apache-2.0
import type { Source } from "./source.ts";
import type { Section, Tag } from "./tags.ts";

/** A template with values in it. */
export interface Filled {
  readonly text: string;
  /** Where a place in the text was in the template. */
  readonly toOriginal: (offset: number) => number;
  /** Where a variable that has no value is asked for first: kuma-dp would fill it with nothing. */
  readonly unfilled: readonly Tag[];
  /** Values that no placeholder asks for. */
  readonly unused: readonly string[];
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Fills in values as `kuma-dp run --dataplane-var name=value` does: with HTML's escapes unless the placeholder says no,
 * sections where their variable is given. What has no value stays as it is: somebody else knows it.
 */
export function fill(
  { text }: Source,
  tags: readonly Tag[],
  sections: readonly Section[],
  values: ReadonlyMap<string, string>,
): Filled {
  const dropped = sections.filter(({ open }) => open.kind === "inverted" && values.has(open.name));
  const kept = sections.filter(({ open }) => open.kind === "section" && values.has(open.name));
  const edits: Edit[] = [
    ...dropped.map(({ open, close }) => ({ start: open.start, end: close.end, text: "" })),
    ...kept.flatMap(({ open, close }) => [open, close]).map(({ start, end }) => ({ start, end, text: "" })),
    ...tags.flatMap((tag) => {
      const value = tag.kind === "variable" ? values.get(tag.name) : undefined;
      if (value === undefined) return [];
      return [{ start: tag.start, end: tag.end, text: tag.raw ? value : escapeHtml(value) }];
    }),
  ];
  const asking = tags.filter(({ kind }) => ASKS.has(kind));
  const asked = new Map(asking.toReversed().map((tag) => [tag.name, tag]));
  return {
    ...apply(text, edits),
    unfilled: [...asked.values()].filter(({ name }) => !values.has(name)),
    unused: [...values.keys()].filter((name) => !asked.has(name)),
  };
}

const ASKS: ReadonlySet<Tag["kind"]> = new Set(["variable", "section", "inverted"]);

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? letter);
}

function apply(text: string, edits: readonly Edit[]): Pick<Filled, "text" | "toOriginal"> {
  const anchors: { readonly filled: number; readonly original: number }[] = [{ filled: 0, original: 0 }];
  let filled = "";
  let from = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    if (edit.start < from) continue; // in a section that is gone
    filled += text.slice(from, edit.start);
    anchors.push({ filled: filled.length, original: edit.start });
    filled += edit.text;
    anchors.push({ filled: filled.length, original: edit.end });
    from = edit.end;
  }
  filled += text.slice(from);
  const toOriginal = (offset: number) => {
    const index = anchors.findLastIndex((anchor) => anchor.filled <= offset);
    const { filled: start, original } = anchors[index] ?? { filled: 0, original: 0 };
    // Inside of a value: where its placeholder begins.
    return index % 2 === 1 ? original : original + offset - start;
  };
  return { text: filled, toOriginal };
}
