// SPDX-License-Identifier: Apache-2.0
import type { NumberRange } from "../../core/ranges.ts";

/** The numbers whose first `length` bits are those of `first`. */
export interface Block {
  readonly first: number;
  readonly length: number;
}

/** The fewest blocks that hold exactly the numbers of `bits` bits in a range: what a trie can look up. */
export function coverRange({ first, last }: NumberRange, bits: number): Block[] {
  const blocks: Block[] = [];
  for (let next = first; next <= last; ) {
    const size = largestBlock(next, last - next + 1, 2 ** bits);
    blocks.push({ first: next, length: bits - Math.log2(size) });
    next += size;
  }
  return blocks;
}

/** A block begins at a multiple of its size. No bit operators: those end at 32 bits, with a sign. */
function largestBlock(first: number, room: number, whole: number): number {
  let size = 1;
  while (size < whole && first % (size * 2) === 0 && size * 2 <= room) size *= 2;
  return size;
}
