// SPDX-License-Identifier: Apache-2.0
import { isAlias, isMap, isNode, isScalar, isSeq, type Node } from "yaml";
import type { ReadPair } from "./read.ts";

/** A piece of a text, as offsets. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Behind the last letter of a node, comments behind it not counted: to the parser these are a part of a list. */
export function endOf(node: Node): number {
  const end = node.range?.[1] ?? 0;
  if (isAlias(node) || (isScalar(node) && node.type !== "BLOCK_LITERAL" && node.type !== "BLOCK_FOLDED"))
    return end;
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const last: unknown = node.items.at(-1);
    const [key, value] = isNode(last) ? [last, null] : partsOf(last);
    return Math.max(key === null ? 0 : endOf(key), value === null ? 0 : endOf(value));
  }
  return end;
}

function partsOf(pair: unknown): readonly [Node | null, Node | null] {
  const part = (name: string): Node | null => {
    const node: unknown = typeof pair === "object" && pair !== null ? Reflect.get(pair, name) : null;
    return isNode(node) ? node : null;
  };
  return [part("key"), part("value")];
}

export function endOfPair({ key, value }: ReadPair): number {
  return value === null ? endOf(key) : Math.max(endOf(key), endOf(value));
}

/** The offset behind the end of the line that `offset` is in. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end + 1;
}

export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** The line that begins at `start`, without what ends it. */
export function lineAt(text: string, start: number): string {
  return text.slice(start, nextLine(text, start)).replace(/\r?\n$/, "");
}

/** What stands before a place on its line, where that is nothing but blanks; else undefined. */
export function indentOf(text: string, offset: number): string | undefined {
  const before = text.slice(lineStart(text, offset), offset).replace(/^\ufeff/, "");
  return /^[ \t]*$/.test(before) ? before : undefined;
}

/**
 * The lines of a pair of a table in lines, with the comments that belong to it: those right above its key, those in it and
 * behind it, and those below that are indented further. Other lines above and below stay where they are.
 *
 * @param isComment whether a line, which looks like one, is a comment that may go
 */
export function linesOf(text: string, pair: ReadPair, isComment: (lineStart: number) => boolean): Extent {
  const keyStart = pair.key.range?.[0] ?? 0;
  const indent = (indentOf(text, keyStart) ?? "").length;
  let start = lineStart(text, keyStart);
  while (start > 0) {
    const above = lineStart(text, start - 1);
    const line = lineAt(text, above);
    if (!isCommentLine(line, (column) => column === indent) || !isComment(above)) break;
    start = above;
  }
  return { start, end: endOfLines(text, pair, indent) };
}

/** Where the lines of a pair end, comments that are indented further than its key included. */
export function endOfLines(text: string, pair: ReadPair, indent: number): number {
  const last = endOfPair(pair);
  // A block scalar ends with the beginning of the next line.
  const end = text[last - 1] === "\n" ? trimBlankLines(text, last) : nextLine(text, last);
  return behindComments(text, end, indent);
}

/** Behind the comments, from the beginning of a line on, that are indented further. */
export function behindComments(text: string, start: number, indent: number): number {
  let end = start;
  for (let at = start; at < text.length; at = nextLine(text, at)) {
    const line = lineAt(text, at);
    if (line.trim() === "") continue;
    if (!isCommentLine(line, (column) => column > indent)) break;
    end = nextLine(text, at);
  }
  return end;
}

function isCommentLine(line: string, fits: (column: number) => boolean): boolean {
  const column = line.search(/[^ \t]/);
  return line[column] === "#" && fits(column);
}

function trimBlankLines(text: string, end: number): number {
  let at = end;
  while (at > 0 && lineAt(text, lineStart(text, at - 1)).trim() === "") at = lineStart(text, at - 1);
  return at;
}
