// The samples of the rounds of a part, by what was measured.

import { median } from "./statistics.ts";

/** The first round fills caches. It is kept apart, and in the raw data. */
export const WARM_UP_ROUNDS = 1;

export class Rounds {
  readonly #rounds = new Map<string, number[][]>();

  /** The samples that one round took of something. */
  add(what: string, samples: readonly number[]): void {
    this.#rounds.set(what, [...(this.#rounds.get(what) ?? []), [...samples]]);
  }

  /** All samples, without the warm-up. */
  samples(what: string): number[] {
    return this.#measured(what).flat();
  }

  /** How much more `what` is than `base`, round by round: whatever slows a whole round cancels out. */
  added(what: string, base: string): number[] {
    const bases = this.#measured(base).map(median);
    return this.#measured(what).map((samples, round) => median(samples) - (bases[round] ?? Number.NaN));
  }

  #measured(what: string): readonly (readonly number[])[] {
    const rounds = this.#rounds.get(what)?.slice(WARM_UP_ROUNDS) ?? [];
    if (rounds.length === 0) throw new Error(`nothing was measured of ${what}`);
    return rounds;
  }

  /** Everything, warm-up first. */
  toJSON(): unknown {
    return { warmUpRounds: WARM_UP_ROUNDS, rounds: Object.fromEntries(this.#rounds) };
  }
}
