// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";

/** A text, and how messages name places in it. */
export interface Source {
  /** A file's name, or "stdin". */
  readonly name: string;
  readonly text: string;
  /** The template that the text was made from, which is what the user sees. */
  readonly template?: { readonly text: string; readonly toOriginal: (offset: number) => number };
}

/** A place in a text: both from 1; columns count UTF-16 units, as editors do. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Lines end with LF, with or without CR. */
export function placeOf(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  // A byte order mark is no column.
  const mark = start === 0 && before.startsWith("\ufeff") ? 1 : 0;
  return { line: before.split("\n").length, column: offset - start - mark + 1 };
}

export function locate({ text, template }: Source, offset: number): Place {
  return template === undefined ? placeOf(text, offset) : placeOf(template.text, template.toOriginal(offset));
}

/** What cannot be read, or not be changed, at a place. */
export function refusal(source: Source, offset: number, problem: string, hint?: string): TproxyError {
  const { line, column } = locate(source, offset);
  return new TproxyError(
    "DATAPLANE_INVALID",
    `${source.name}:${line}:${column}: ${problem}`,
    hint === undefined ? {} : { hint },
  );
}
