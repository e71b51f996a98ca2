// SPDX-License-Identifier: Apache-2.0
import type { Extent } from "./extent.ts";

/** A piece of a text, and what takes its place. */
export interface Edit extends Extent {
  readonly text: string;
}

/** All that no edit covers stays as it is. Edits do not overlap; at one place they go in in the order given. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = "";
  let from = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < from) throw new Error("two edits of a text overlap");
    result += text.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  return result + text.slice(from);
}

export function removal({ start, end }: Extent): Edit {
  return { start, end, text: "" };
}

export function insertion(at: number, text: string): Edit {
  return { start: at, end: at, text };
}
