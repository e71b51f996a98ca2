// SPDX-License-Identifier: Apache-2.0

/** Beyond this many edits two names have nothing to do with each other; short ones less. */
const MOST_EDITS = 3;

/** Longer texts are no misspelt name, and comparing them costs the product of the lengths. */
const LONGEST = 100;

/** The candidate that `word` was probably meant to be, by the number of letters to change; upper case counts for nothing. */
export function findNearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const most = Math.min(MOST_EDITS, Math.floor(word.length / 2));
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: countEdits(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** Levenshtein's distance, row by row. */
function countEdits(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
