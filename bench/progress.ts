// How far the benchmark is, on stderr.

import { setImmediate } from "node:timers/promises";

/** A line on a terminal is written over; elsewhere there is one in so many milliseconds. */
const LINE_EVERY_MS = 10_000;

interface Rounds {
  readonly name: string;
  readonly rounds: number;
  /** What a round may take, until one has been seen. */
  readonly roundMs: number;
}

export class Progress {
  readonly #parts: readonly Rounds[];
  readonly #stop: AbortSignal;
  readonly #done = new Map<string, { rounds: number; ms: number }>();
  #last = Number.NEGATIVE_INFINITY;

  constructor(parts: readonly Rounds[], stop: AbortSignal) {
    this.#parts = parts;
    this.#stop = stop;
  }

  /** A part's worlds are being made, which is no round. */
  prepare(name: string): void {
    this.#line(`${name}: getting ready, about ${this.#secondsLeft()} s left`);
  }

  /** Does all rounds of a part, and says after each how long the rest will take. */
  async repeat(name: string, round: () => Promise<void>): Promise<void> {
    const part = this.#parts.find((each) => each.name === name);
    if (part === undefined) throw new Error(`there is no part ${name}`);
    for (let index = 0; index < part.rounds; index++) {
      // Rounds may be synchronous: a signal is heard between them.
      await setImmediate();
      this.#stop.throwIfAborted();
      this.#show(part, index);
      const started = performance.now();
      await round();
      const { ms } = this.#done.get(name) ?? { ms: 0 };
      this.#done.set(name, { rounds: index + 1, ms: ms + performance.now() - started });
    }
  }

  #show({ name, rounds }: Rounds, index: number): void {
    const now = performance.now();
    if (!process.stderr.isTTY && index > 0 && now - this.#last < LINE_EVERY_MS) return;
    this.#last = now;
    this.#line(`${name}: round ${index + 1} of ${rounds}, about ${this.#secondsLeft()} s left`);
  }

  #line(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  }

  #secondsLeft(): number {
    return Math.ceil(this.#leftMs() / 1000);
  }

  #leftMs(): number {
    return this.#parts
      .map(({ name, rounds, roundMs }) => {
        const done = this.#done.get(name);
        return done === undefined ? rounds * roundMs : (rounds - done.rounds) * (done.ms / done.rounds);
      })
      .reduce((total, ms) => total + ms, 0);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }
}
