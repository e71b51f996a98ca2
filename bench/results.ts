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

/** @returns the file's path */
export function saveResults(results: Results): string {
  mkdirSync(RESULTS_DIRECTORY, { recursive: true });
  const time = results.started.slice(0, 19).replaceAll(":", "-");
  const path = join(RESULTS_DIRECTORY, `${time}-linux-${results.after.kernel}.json`);
  writeFileSync(path, `${JSON.stringify(results)}\n`);
  return path;
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
