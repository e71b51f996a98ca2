// SPDX-License-Identifier: Apache-2.0

const COLUMNS = 110;

/**
 * Breaks a text at blanks into lines of at most 110 columns. The first line begins with `first`, the others with
 * blanks; both are filled up to `width` columns. A longer word stays whole, so that a path can be copied.
 */
export function wrap(
  text: string,
  { first, width }: { readonly first: string; readonly width: number },
): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && width + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each, index) => `${(index === 0 ? first : "").padEnd(width)}${each}`);
}
