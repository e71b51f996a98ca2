// A candidate beside another one, from the same rounds.

import { type Series, samplesOf, WARM_UP_ROUNDS } from "./series.ts";
import { median, type Summary, summarize } from "./statistics.ts";

/** The median of each round, without the warm-up. */
function roundMedians({ rounds }: Series): readonly number[] {
  return rounds.slice(WARM_UP_ROUNDS).map(median);
}

export interface Comparison {
  /** Of the medians of all samples. */
  readonly value: number;
  /** Of those of each round: whatever slows a whole round cancels out. Its spread says how sure the value is. */
  readonly spread: Summary;
}

/** How many times the base. */
export function ratio(value: number, base: number): number {
  return value / base;
}

/** How much more than the base, in the unit of both. */
export function added(value: number, base: number): number {
  return value - base;
}

export function compare(series: Series, base: Series, how: typeof ratio): Comparison {
  const [values, bases] = [roundMedians(series), roundMedians(base)];
  if (values.length !== bases.length)
    throw new Error(
      `there are ${values.length} rounds of ${series.candidate} and ${bases.length} of ${base.candidate}`,
    );
  return {
    value: how(median(samplesOf(series)), median(samplesOf(base))),
    spread: summarize(values.map((value, round) => how(value, bases[round] ?? Number.NaN))),
  };
}
