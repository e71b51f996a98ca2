// A part of the benchmark.

import type { Figure } from "./figure.ts";
import type { Rounds } from "./rounds.ts";

export interface Part {
  readonly name: string;
  /** What a round may take: for the estimate of the time left, until one has been seen. */
  readonly roundMs: number;
  readonly rounds: { readonly full: number; readonly quick: number };
  measure(run: PartRun): Promise<PartResult>;
}

export interface PartRun {
  readonly quick: boolean;
  /** Does the rounds of the part. */
  readonly repeat: (round: () => Promise<void>) => Promise<void>;
}

export interface PartResult {
  readonly figures: readonly Figure[];
  readonly raw: Rounds;
}
