// A part of the benchmark.

import type { Measured } from "./series.ts";

export interface Part {
  readonly name: string;
  /** For the reader of the report: what was measured, and how. */
  readonly about: string;
  /** Programs of others without which it is left out. Debian has all of them, and ./scripts/bench installs them there. */
  readonly needs?: readonly string[];
  readonly rounds: Extent;
  /** What a round may take: for the estimate of the time left, until one has been seen. */
  readonly roundMs: Extent;
  measure(run: PartRun): Promise<void>;
}

export interface Extent {
  readonly full: number;
  readonly quick: number;
}

export interface PartRun {
  readonly quick: boolean;
  /** The samples that a round took of something. */
  readonly record: (measured: Omit<Measured, "part">, samples: readonly number[]) => void;
  /** Does the rounds of the part. */
  readonly repeat: (round: () => Promise<void>) => Promise<void>;
}

export function extentOf<T>({ full, quick }: { readonly full: T; readonly quick: T }, run: PartRun): T {
  return run.quick ? quick : full;
}
