// What a benchmark yields: samples, by what was measured of which candidate, round by round.

export type Unit = "ms" | "µs" | "ns" | "MiB" | "KiB" | "1/s" | "MB/s";

export interface Measured {
  readonly part: string;
  /** What a sample says, such as "connect". */
  readonly quantity: string;
  readonly unit: Unit;
  /** In which situation, such as "outbound IPv4". */
  readonly scenario: string;
  /** Of what: "direct", "iptables-nft", … */
  readonly candidate: string;
  /** A number that it may depend on: a size in bytes, the length of a list, … */
  readonly x?: number;
}

export interface Series extends Measured {
  /** The samples of each round. The first round fills caches: see WARM_UP_ROUNDS. */
  readonly rounds: readonly (readonly number[])[];
}

/** The first round fills caches. It is kept in the raw data, and in nothing else. */
export const WARM_UP_ROUNDS = 1;

export class Recorder {
  readonly #series = new Map<string, Measured & { rounds: number[][] }>();

  /** The samples that one round took of something. */
  add(measured: Measured, samples: readonly number[]): void {
    const { part, quantity, scenario, candidate, x } = measured;
    const key = JSON.stringify([part, quantity, scenario, candidate, x]);
    const series = this.#series.get(key) ?? { ...measured, rounds: [] };
    series.rounds.push(samples.map(rounded));
    this.#series.set(key, series);
  }

  get series(): readonly Series[] {
    return [...this.#series.values()];
  }
}

/** Four digits: a ten-thousandth of a sample says nothing, and takes most of the room in the file. */
function rounded(sample: number): number {
  return Number(sample.toPrecision(4));
}

/** All samples of a series, without the warm-up. Throws where nothing is left. */
export function samplesOf({ rounds, ...measured }: Series): readonly number[] {
  const samples = rounds.slice(WARM_UP_ROUNDS).flat();
  if (samples.length === 0) throw new Error(`nothing was measured of ${JSON.stringify(measured)}`);
  return samples;
}
