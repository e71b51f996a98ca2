// Chance that repeats itself: the same seed, the same numbers (the generator known as mulberry32).

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, but not including, 1. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** True in so many of 100 cases. */
  chance(percent: number): boolean {
    return this.#next() * 100 < percent;
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[Math.floor(this.#next() * from.length)] ?? from[0];
  }

  /** Between one and `most` of them, each once. */
  some<T>(from: readonly [T, ...T[]], most: number): T[] {
    const count = 1 + Math.floor(this.#next() * most);
    return [...new Set(Array.from({ length: count }, () => this.pick(from)))];
  }
}
