// SPDX-License-Identifier: Apache-2.0
import { type Node, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { addEntry, NOT_PLAIN, plain, quoted } from "./plain-nodes.ts";

/** A configuration has four levels. */
const DEEPEST = 20;

const QUOTE = 34;

/** All of it: nothing like 1.5, 1e3 or nullable. */
const WORD = /(?:[0-9]+|true|false|null)(?![\w.+-])/y;

/** JSON without escapes in its texts, and with whole numbers alone. */
export function parsePlainJson(text: string): Node {
  const reader = new JsonReader(text);
  const node = reader.readValue(0);
  reader.expectEnd();
  return node;
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readValue(depth: number): Node {
    if (depth > DEEPEST) throw NOT_PLAIN;
    const code = this.#peek();
    if (code === QUOTE) return quoted(this.#readText());
    if (this.#take("{")) return this.#readTable(depth);
    if (this.#take("[")) return this.#readList(depth);
    return this.#readWord();
  }

  expectEnd(): void {
    if (!Number.isNaN(this.#peek())) throw NOT_PLAIN;
  }

  #readTable(depth: number): Node {
    const table = new YAMLMap();
    if (this.#take("}")) return table;
    do {
      if (this.#peek() !== QUOTE) throw NOT_PLAIN;
      const offset = this.#at;
      const key = this.#readText();
      if (this.#text.charAt(this.#at++) !== ":") throw NOT_PLAIN;
      addEntry(table, key, offset, this.readValue(depth + 1));
    } while (this.#take(","));
    if (!this.#take("}")) throw NOT_PLAIN;
    return table;
  }

  #readList(depth: number): Node {
    const list = new YAMLSeq();
    if (this.#take("]")) return list;
    do list.items.push(this.readValue(depth + 1));
    while (this.#take(","));
    if (!this.#take("]")) throw NOT_PLAIN;
    return list;
  }

  #readText(): string {
    const end = this.#text.indexOf('"', this.#at + 1);
    const content = this.#text.slice(this.#at + 1, end);
    if (end < 0 || content.includes("\\") || content.includes("\n")) throw NOT_PLAIN;
    this.#at = end + 1;
    return content;
  }

  /** A number, true, false or null. */
  #readWord(): Node {
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) throw NOT_PLAIN;
    this.#at += word.length;
    return word === "null" ? new Scalar(null) : plain(word);
  }

  #take(sign: string): boolean {
    if (this.#peek() !== sign.charCodeAt(0)) return false;
    this.#at += 1;
    return true;
  }

  /** The next sign that is no white space; NaN at the end. */
  #peek(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (code === 32 || code === 10) code = this.#text.charCodeAt(++this.#at);
    return code;
  }
}
