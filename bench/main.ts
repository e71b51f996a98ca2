// Measures what the project has goals for, and prints medians with their spread. Called by ./scripts/bench.
// Exit status 0: everything was measured. A goal that is missed is a result, not a failure.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../test/support/project-files.ts";
import { commands } from "./commands.ts";
import { connect } from "./connect.ts";
import { type Figure, formatFigures } from "./figure.ts";
import type { Part } from "./part.ts";
import { Progress } from "./progress.ts";
import { WARM_UP_ROUNDS } from "./rounds.ts";
import { startUp } from "./start-up.ts";
import { type Surroundings, surroundings } from "./surroundings.ts";

const PARTS: readonly Part[] = [startUp, commands, connect];

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
  const { quick } = values;
  const started = new Date();
  const before = surroundings();
  const progress = new Progress(
    PARTS.map(({ name, rounds, roundMs }) => ({ name, roundMs, rounds: quick ? rounds.quick : rounds.full })),
    stopOnSignal(),
  );
  const figures: Figure[] = [];
  const raw: Record<string, unknown> = {};
  for (const part of PARTS) {
    const result = await part.measure({ quick, repeat: (round) => progress.repeat(part.name, round) });
    figures.push(...result.figures);
    raw[part.name] = result.raw;
  }
  progress.end();
  const after = surroundings();
  console.log(`${formatFigures(figures)}\n\n${describe(before, after)}`);
  const results = { started, quick, before, after, figures, raw };
  console.log(`All samples: ${save(started, after, results)}`);
}

function describe(before: Surroundings, after: Surroundings): string {
  const { host, kernel, processors, node, build } = after;
  return [
    `${host}, Linux ${kernel}, ${processors}, Node ${node}, build ${build}`,
    `Load average (1, 5, 15 minutes) before: ${before.load.join(" ")}, after: ${after.load.join(" ")}`,
    `Left out of the table, as declared: the first round of each part (${WARM_UP_ROUNDS}). Nothing else.`,
    ...(before.build === build
      ? []
      : ["WARNING: the program was built anew meanwhile: the figures are a mixture."]),
  ].join("\n");
}

/** Returns the file's path relative to the project. */
function save(started: Date, { host, kernel }: Surroundings, results: unknown): string {
  const directory = join(projectRoot, "bench/results");
  mkdirSync(directory, { recursive: true });
  const time = started.toISOString().slice(0, 19).replaceAll(":", "-");
  const path = join(directory, `${time}-${host}-${kernel}.json`);
  writeFileSync(path, `${JSON.stringify(results)}\n`);
  return relative(projectRoot, path);
}

/** Ends the benchmark after the round: the worlds are taken away first. A second signal ends it at once. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => controller.abort(new Error(`stopped by ${signal}`)));
  return controller.signal;
}
