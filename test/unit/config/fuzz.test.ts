// Whatever is given, the reading ends soon, with a configuration or with an explanation.
//   FUZZ_CASES=500000 …   that many     FUZZ_FIRST=1000000 …   from this seed on
//   FUZZ_SEED=1234 …   one of them again, with what it was

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { howOften } from "../../support/extent.ts";

interface Counts {
  readonly taken: number;
  readonly refused: number;
}

const SEED = process.env.FUZZ_SEED;
const CASES = SEED === undefined ? Number(process.env.FUZZ_CASES ?? howOften(100_000, 20_000)) : 1;
const FIRST = Number(SEED ?? process.env.FUZZ_FIRST ?? 1);

test(`${SEED === undefined ? `${CASES} configurations` : `the configuration of seed ${SEED}`}`, {
  timeout: CASES * 10 + 10_000,
}, async () => {
  const threads = Math.min(CASES, availableParallelism());
  const all = await Promise.all(Array.from({ length: threads }, (_, thread) => run(FIRST + thread, threads)));
  const [taken, refused] = [sum(all.map((each) => each.taken)), sum(all.map((each) => each.refused))];
  expect(taken + refused).toBe(CASES);
  if (SEED !== undefined) return;
  // Cases that are all of one kind would try next to nothing.
  expect(taken).toBeGreaterThan(CASES / 50);
  expect(refused).toBeGreaterThan(CASES / 50);
});

/** In a thread of its own: every `step`th seed. What is thrown there is thrown here. */
function run(from: number, step: number): Promise<Counts> {
  const workerData = { from, to: FIRST + CASES - 1, step, show: SEED !== undefined };
  const worker = new Worker(new URL("fuzz-worker.ts", import.meta.url), { workerData });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a thread ended with ${code} and no result`)));
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
