// SPDX-License-Identifier: Apache-2.0
import { type Node, Pair, Scalar, type YAMLMap } from "yaml";

/** What is found is none of the plain forms. One for all: nobody looks where it came from, and finding that out takes time. */
export const NOT_PLAIN = new Error("not plain");

/** Not "<<", not a text that needs quotes; and what is longer than this is no key of ours. */
const KEY = /^[A-Za-z][\w-]{0,59}$/;

/** @param offset of the key in the text */
export function addEntry(table: YAMLMap, key: string, offset: number, value: Node): void {
  if (!KEY.test(key)) throw NOT_PLAIN;
  const name = new Scalar(key);
  name.source = key;
  name.range = [offset, offset, offset];
  table.items.push(new Pair(name, value));
}

export function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = "QUOTE_DOUBLE";
  scalar.source = text;
  return scalar;
}

const DIGITS = /^(0|[1-9][0-9]{0,14})$/;

/** Neither a sign that means something to YAML, nor a colon at the end, which makes a key. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9.:,/_+*-]*$/;

/** A number, a truth value, or a word that is none of the others that YAML has. */
export function plain(text: string): Scalar {
  const scalar = new Scalar(plainValue(text));
  scalar.type = "PLAIN";
  scalar.source = text;
  return scalar;
}

function plainValue(text: string): string | number | boolean {
  if (DIGITS.test(text)) return Number(text);
  if (text === "true") return true;
  if (text === "false") return false;
  if (!WORD.test(text) || text.endsWith(":")) throw NOT_PLAIN;
  // Other notations of numbers (0x10, 1e3, 010, 1.5), and the words that YAML has in more than one spelling.
  if (!Number.isNaN(Number(text)) || /^(0o[0-7]+|null|true|false)$/i.test(text)) throw NOT_PLAIN;
  return text;
}
