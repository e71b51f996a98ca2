// SPDX-License-Identifier: Apache-2.0
import { LineCounter, type Node } from "yaml";
import { parsePlainBlock } from "./parse-plain-block.ts";
import { parsePlainJson } from "./parse-plain-json.ts";
import { NOT_PLAIN } from "./plain-nodes.ts";

/**
 * Reads what most configurations are made of, ten times as fast as the parser for all of YAML: JSON, and tables and lists
 * in lines of their own. Undefined where there is anything else in it, or a mistake: then that parser has to look.
 *
 * What it returns is what the parser would have returned, as far as anybody looks at it; a test compares the two.
 */
export function parsePlain(
  text: string,
): { readonly contents: Node; readonly lines: LineCounter } | undefined {
  // No tabs, no returns, nothing beyond ASCII: all that has rules of its own.
  if (!/^[\n\x20-\x7e]*$/.test(text)) return undefined;
  try {
    const contents = /^\s*\{/.test(text) ? parsePlainJson(text) : parsePlainBlock(text);
    return { contents, lines: countLines(text) };
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

function countLines(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) lines.addNewLine(end + 1);
  return lines;
}
