// Measures what the project has goals for, and writes a report. Called by ./scripts/bench.
// Exit status 0: everything was measured. A goal that is missed is a result, not a failure.

import { spawnSync } from "node:child_process";
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../test/support/project-files.ts";
import type { Part } from "./part.ts";
import { bystanders } from "./parts/bystanders.ts";
import { commands } from "./parts/commands.ts";
import { connect } from "./parts/connect.ts";
import { envoy } from "./parts/envoy.ts";
import { instances } from "./parts/instances.ts";
import { lists } from "./parts/lists.ts";
import { open } from "./parts/open.ts";
import { startUp } from "./parts/start-up.ts";
import { transfer } from "./parts/transfer.ts";
import { witnesses } from "./parts/witnesses.ts";
import { Progress } from "./progress.ts";
import { outline } from "./report/outline.ts";
import { writeReport } from "./report/write.ts";
import { pathOf, type Results, saveResults } from "./results.ts";
import { Recorder, type Series } from "./series.ts";
import { surroundings } from "./surroundings.ts";

const PARTS: readonly Part[] = [
  connect,
  transfer,
  lists,
  bystanders,
  instances,
  open,
  commands,
  startUp,
  witnesses,
  envoy,
];

await main();

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !PARTS.some((part) => part.name === name));
  if (unknown.length > 0)
    throw new Error(
      `there is no part ${unknown.join(", ")}; the parts are: ${PARTS.map(({ name }) => `"${name}"`).join(" ")}`,
    );
  const parts = PARTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)).filter(
    isPossible,
  );
  const results = await measureAll(parts, values.quick);
  console.log(outline(results));
  const path = pathOf(results);
  const report = await writeReport(results, path);
  console.log(`All samples: ${relative(projectRoot, path)}\nThe report: ${relative(projectRoot, report)}`);
}

/** A distribution without one of the tools still has the rest measured; the report says which parts it is of. */
function isPossible({ name, needs = [] }: Part): boolean {
  const missing = needs.filter((program) => spawnSync(program, ["--version"]).error !== undefined);
  if (missing.length > 0) console.error(`${name}: left out, since there is no ${missing.join(", ")} here`);
  return missing.length === 0;
}

async function measureAll(parts: readonly Part[], quick: boolean): Promise<Results> {
  const started = new Date();
  const before = surroundings();
  const stop = stopOnSignal();
  const progress = new Progress(
    parts.map(({ name, rounds, roundMs }) => ({
      name,
      rounds: quick ? rounds.quick : rounds.full,
      roundMs: quick ? roundMs.quick : roundMs.full,
    })),
    stop,
  );
  let results: Results | undefined;
  const series: Series[] = [];
  try {
    for (const [index, part] of parts.entries()) {
      progress.prepare(part.name);
      series.push(...(await measurePart(part, quick, progress)));
      results = {
        format: 2,
        started: started.toISOString(),
        seconds: Math.round((Date.now() - started.getTime()) / 1000),
        quick,
        before,
        after: surroundings(),
        parts: parts.slice(0, index + 1).map(({ name, about }) => ({ name, about })),
        series,
      };
      saveResults(results);
    }
  } catch (error) {
    if (results !== undefined)
      console.error(`What was measured until then: ${relative(projectRoot, pathOf(results))}`);
    // A terminal also interrupts the programs that measure: their end is not the reason.
    throw stop.aborted ? stop.reason : error;
  }
  progress.end();
  if (results === undefined) throw new Error("nothing was measured: none of the parts is possible here");
  return results;
}

async function measurePart(part: Part, quick: boolean, progress: Progress): Promise<readonly Series[]> {
  const recorder = new Recorder();
  await part.measure({
    quick,
    record: (measured, samples) => recorder.add({ ...measured, part: part.name }, samples),
    repeat: (round) => progress.repeat(part.name, round),
  });
  return recorder.series;
}

/** Ends the benchmark after the round: the worlds are taken away first, however often it is asked. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      console.error(`\n${signal}: what was made is taken away first`);
      controller.abort(new Error(`stopped by ${signal}`));
    });
  return controller.signal;
}
