// Numbers that describe samples.

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly max: number;
}

export function summarize(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return { count: sorted.length, min: at(0), p25: at(0.25), median: at(0.5), p75: at(0.75), max: at(1) };
}

export function median(samples: readonly number[]): number {
  return summarize(samples).median;
}

/** Between two samples it is interpolated. */
function quantile(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  if (low === undefined || high === undefined) throw new Error("there is no sample to summarize");
  return low + (high - low) * (position - Math.floor(position));
}

/** The same things in another order (Fisher and Yates). */
export function shuffled<T>(things: readonly T[]): T[] {
  const left = [...things];
  return things.flatMap(() => left.splice(Math.floor(Math.random() * left.length), 1));
}
