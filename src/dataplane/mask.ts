// SPDX-License-Identifier: Apache-2.0
import { refusal, type Source } from "./source.ts";
import type { Tag } from "./tags.ts";

/** Unicode's private use area: for nobody to give a meaning to but us. */
const FIRST = 0xe000;
const FILLER = "\uf8ff";
const MOST_TEXTS = 0xf8ff - FIRST;

const MASKED = /[\ue000-\uf8fe]\uf8ff*/g;

/** A text in which YAML sees plain words where placeholders are, at the same offsets. */
export interface Masked {
  readonly text: string;
  /** What a piece of the text was before. */
  readonly unmask: (piece: string) => string;
  /** Whether a piece of the text has a placeholder in it. */
  readonly hasTag: (piece: string) => boolean;
}

/**
 * `address: {{ address }}` is no valid YAML: braces are tables. So each tag is replaced by letters of the same length, or,
 * where it stands on a line of its own or before nothing but the end of the line, by a comment.
 *
 * @throws TproxyError DATAPLANE_INVALID where there are more than 6399 different tags
 */
export function mask(source: Source, tags: readonly Tag[]): Masked {
  const words = new Map<string, string>();
  const originals = new Map<string, string>();
  const wordFor = (text: string, at: number): string => {
    const known = words.get(text);
    if (known !== undefined) return known;
    if (words.size === MOST_TEXTS) throw refusal(source, at, "there are too many placeholders");
    const word = String.fromCharCode(FIRST + words.size) + FILLER.repeat(text.length - 1);
    words.set(text, word);
    originals.set(word, text);
    return word;
  };
  const { text } = source;
  let masked = "";
  let from = 0;
  for (const tag of [...tags, undefined]) {
    const start = tag?.start ?? text.length;
    // Letters of that area that are there already stand for themselves.
    masked += text
      .slice(from, start)
      .replace(/[\ue000-\uf8ff]/g, (letter, at: number) => wordFor(letter, from + at));
    if (tag === undefined) break;
    const tagText = text.slice(tag.start, tag.end);
    masked += isComment(text, tag) ? `#${FILLER.repeat(tagText.length - 1)}` : wordFor(tagText, tag.start);
    from = tag.end;
  }
  const original = (word: string) => originals.get(word) ?? word;
  return {
    text: masked,
    unmask: (piece) => piece.replace(MASKED, original),
    hasTag: (piece) => (piece.match(MASKED) ?? []).some((word) => original(word).length > 1),
  };
}

/** Whether the tag becomes nothing, or whole lines, which no value is. */
function isComment(text: string, { start, end, kind, alone }: Tag): boolean {
  if (alone) return true;
  if (kind !== "comment" && kind !== "partial") return false;
  return /\s/.test(text[start - 1] ?? "\n") && /^[ \t\r]*(\n|$)/.test(text.slice(end));
}
