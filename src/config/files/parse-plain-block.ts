// SPDX-License-Identifier: Apache-2.0
import { type Node, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { addEntry, NOT_PLAIN, plain, quoted } from "./plain-nodes.ts";

/** Tables with a key a line, lists with an item a line or in one line, comments in lines of their own. */
export function parsePlainBlock(text: string): Node {
  const reader = new BlockReader(text);
  if (reader.indent !== 0) throw NOT_PLAIN;
  const table = reader.readTable();
  if (reader.indent >= 0) throw NOT_PLAIN;
  return table;
}

class BlockReader {
  readonly #text: string;
  /** Of the line that is next. */
  #start = 0;
  #end = -1;
  /** The blanks that it begins with; -1: there is none. */
  indent = -1;

  constructor(text: string) {
    this.#text = text;
    this.#advance();
  }

  /** Of all lines that are indented as the next one is. */
  readTable(): YAMLMap {
    const table = new YAMLMap();
    const { indent } = this;
    while (this.indent === indent) {
      const colon = this.#text.indexOf(":", this.#start);
      if (colon < 0 || colon >= this.#end) throw NOT_PLAIN;
      const key = this.#text.slice(this.#start, colon);
      const offset = this.#start;
      const rest = this.#text.slice(colon + 1, this.#end);
      this.#advance();
      addEntry(table, key, offset, rest === "" ? this.#readBelow(indent) : readInline(rest));
    }
    if (this.indent > indent) throw NOT_PLAIN;
    return table;
  }

  /** A list may be as far in as its key. */
  #readBelow(indent: number): Node {
    if (this.indent >= indent && this.#isItem()) return this.#readList();
    return this.indent > indent ? this.readTable() : new Scalar(null);
  }

  #readList(): Node {
    const list = new YAMLSeq();
    const { indent } = this;
    while (this.indent === indent && this.#isItem()) {
      list.items.push(readScalar(this.#text.slice(this.#start + 2, this.#end)));
      this.#advance();
    }
    if (this.indent > indent) throw NOT_PLAIN;
    return list;
  }

  #isItem(): boolean {
    return this.#text.startsWith("- ", this.#start);
  }

  /** To the next line that is neither empty nor a comment. */
  #advance(): void {
    for (let at = this.#end + 1; at < this.#text.length; at = this.#end + 1) {
      const end = this.#text.indexOf("\n", at);
      this.#end = end < 0 ? this.#text.length : end;
      this.#start = at;
      while (this.#text.charCodeAt(this.#start) === 32) this.#start += 1;
      if (this.#start >= this.#end || this.#text.charAt(this.#start) === "#") continue;
      this.indent = this.#start - at;
      return;
    }
    this.indent = -1;
  }
}

/** What stands behind a key and its colon. */
function readInline(text: string): Node {
  if (!text.startsWith(" ")) throw NOT_PLAIN;
  const value = text.slice(1);
  if (!value.startsWith("[")) return readScalar(value);
  if (!value.endsWith("]")) throw NOT_PLAIN;
  const list = new YAMLSeq();
  const items = value.slice(1, -1);
  if (items !== "") list.items = items.split(",").map((item) => readScalar(item.trim()));
  return list;
}

function readScalar(text: string): Scalar {
  const first = text.charAt(0);
  if (first !== '"' && first !== "'") return plain(text);
  const end = text.indexOf(first, 1);
  if (end !== text.length - 1 || end < 1 || (first === '"' && text.includes("\\"))) throw NOT_PLAIN;
  return quoted(text.slice(1, end));
}
