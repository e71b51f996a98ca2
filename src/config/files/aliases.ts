// SPDX-License-Identifier: Apache-2.0
import { type Alias, type Document, isNode, type Node, visit } from "yaml";

/** A configuration refers to something twice or three times; what refers more often is meant to grow out of bounds. */
const MOST_ALIASES = 100;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** Follows `*name` to `&name`, up to a total length of what it found. */
export class Aliases {
  readonly #document: Document | undefined;
  #anchors: Map<string, Node[]> | undefined;
  #followed = 0;
  #characters = 0;

  /** @param document undefined: there are none */
  constructor(document: Document | undefined) {
    this.#document = document;
  }

  /** What the alias stands for, or why it stands for nothing. */
  follow(alias: Alias): Node | string {
    this.#anchors ??= findAnchors(this.#document);
    // A name may be given anew: the last one before the alias counts.
    const target = this.#anchors.get(alias.source)?.findLast((node) => startOf(node) < startOf(alias));
    if (target === undefined) return `*${alias.source} refers to nothing`;
    this.#followed += 1;
    this.#characters += (target.range?.[1] ?? 0) - startOf(target);
    if (this.#followed > MOST_ALIASES || this.#characters > MOST_CHARACTERS)
      return "the file refers to itself (*) too often";
    return target;
  }
}

function findAnchors(document: Document | undefined): Map<string, Node[]> {
  const anchors = new Map<string, Node[]>();
  if (document === undefined) return anchors;
  visit(document, (_key, node) => {
    if (!isNode(node) || !("anchor" in node) || typeof node.anchor !== "string") return;
    anchors.set(node.anchor, [...(anchors.get(node.anchor) ?? []), node]);
  });
  return anchors;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
