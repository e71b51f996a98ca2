// The file that a run leaves: everything that was measured, and what else has a say in it.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { projectRoot } from "../test/support/project-files.ts";
import type { Series } from "./series.ts";
import type { Surroundings } from "./surroundings.ts";

export interface PartDescription {
  readonly name: string;
  readonly about: string;
}

export interface Results {
  readonly format: 2;
  readonly started: string;
  readonly seconds: number;
  readonly quick: boolean;
  readonly before: Surroundings;
  readonly after: Surroundings;
  readonly parts: readonly PartDescription[];
  readonly series: readonly Series[];
}

export const RESULTS_DIRECTORY = join(projectRoot, "bench/results");

/** Also of a run that goes on: the next time it is written over. */
export function saveResults(results: Results): void {
  mkdirSync(RESULTS_DIRECTORY, { recursive: true });
  writeFileSync(pathOf(results), `${JSON.stringify(results)}\n`);
}

/** @returns the file of a run */
export function pathOf({ started, before }: Results): string {
  const time = started.slice(0, 19).replaceAll(":", "-");
  return join(RESULTS_DIRECTORY, `${time}-linux-${before.kernel}.json`);
}

/** Also of one that was compressed to be published. */
export function loadResults(path: string): Results {
  const bytes = readFileSync(path);
  const text = path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  const results = JSON.parse(text.toString("utf8")) as Results;
  if (results.format !== 2)
    throw new Error(
      `Reading ${path} failed: it is no result of this version's benchmark. Run ./scripts/bench.`,
    );
  return results;
}
