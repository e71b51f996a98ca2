// A candidate beside another one, from the same rounds.

import { type Series, samplesOf, WARM_UP_ROUNDS } from "./series.ts";
import { median, type Summary, summarize } from "./statistics.ts";

/** The median of each round, without the warm-up. */
function roundMedians({ rounds }: Series): readonly number[] {
  return rounds.slice(WARM_UP_ROUNDS).map(median);
}

/** The quotient of the medians of all samples. */
export function ratioOf(series: Series, base: Series): number {
  return median(samplesOf(series)) / median(samplesOf(base));
}

/** The quotients round by round: whatever slows a whole round cancels out. Their spread says how sure the ratio is. */
export function ratiosOf(series: Series, base: Series): Summary {
  const bases = roundMedians(base);
  return summarize(roundMedians(series).map((value, round) => value / (bases[round] ?? Number.NaN)));
}

/** The difference of the medians of all samples, in the unit of both. */
export function addedTo(series: Series, base: Series): number {
  return median(samplesOf(series)) - median(samplesOf(base));
}

/** The differences round by round. */
export function allAddedTo(series: Series, base: Series): Summary {
  const bases = roundMedians(base);
  return summarize(roundMedians(series).map((value, round) => value - (bases[round] ?? Number.NaN)));
}
