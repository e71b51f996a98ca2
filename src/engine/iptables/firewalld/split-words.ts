// SPDX-License-Identifier: Apache-2.0

/**
 * Splits the arguments of a direct rule as firewalld does, with Python's `shlex.split`: as a shell would, without anything
 * being put in. Undefined where a quote does not end.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) return undefined;
      word = (word ?? "") + text.slice(at + 1, end);
      at = end;
    } else if (character === '"') {
      const [content, end] = readDoubleQuoted(text, at + 1);
      if (end >= text.length) return undefined;
      word = (word ?? "") + content;
      at = end;
    } else if (character === "\\") {
      if (at + 1 === text.length) return undefined;
      word = (word ?? "") + text.charAt(++at);
    } else word = (word ?? "") + character;
  }
  return word === undefined ? words : [...words, word];
}

/** Up to the quote that ends it. A backslash counts before a quote and another backslash only. */
function readDoubleQuoted(text: string, start: number): [content: string, end: number] {
  let content = "";
  for (let at = start; ; at++) {
    const character = text.charAt(at);
    if (character === "" || character === '"') return [content, at];
    if (character === "\\" && /["\\]/.test(text.charAt(at + 1))) content += text.charAt(++at);
    else content += character;
  }
}
