// One thread of the fuzz run: reads the configurations of a range of seeds, and says how many were taken and refused.

import { isDeepStrictEqual } from "node:util";
import { parentPort, workerData } from "node:worker_threads";
import { configOfWritten } from "../../../src/config/config-of-written.ts";
import { readFileLayer } from "../../../src/config/files/file-layer.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { writeConfig, writeSettings } from "../../../src/config/written-config.ts";
import { makeCase } from "./fuzz-cases.ts";
import { type Reading, read } from "./support.ts";

/** Longer than any takes on a busy machine: what hangs takes longer. */
const LONGEST_MS = 10_000;

const { from, to, step, show }: { from: number; to: number; step: number; show: boolean } = workerData;

const counts = { taken: 0, refused: 0 };
for (let seed = from; seed <= to; seed += step) {
  const reading = await readSeed(seed);
  counts[reading.resolved === undefined ? "refused" : "taken"] += 1;
  if (show) console.log(makeCase(seed), reading);
}
parentPort?.postMessage(counts);

async function readSeed(seed: number): Promise<Reading> {
  const { words, variables, stdin } = makeCase(seed);
  const started = performance.now();
  try {
    const reading = await read(words, variables, stdin);
    check(reading, seed % 8 === 0 || show);
    const took = performance.now() - started;
    if (took > LONGEST_MS) throw new Error(`it took ${Math.round(took)} ms`);
    return reading;
  } catch (error) {
    throw new Error(`seed ${seed} failed; FUZZ_SEED=${seed} runs it alone`, { cause: error });
  }
}

/** What is refused is explained; what is taken means the same when it is shown and read again (which takes as long again). */
function check({ resolved, problems, warnings, notes }: Reading, alsoShown: boolean): void {
  for (const { source, message } of problems) {
    if (source === "" || !/\S/.test(message))
      throw new Error(`a problem says nothing: ${source}: ${message}`);
    if (/Invalid input|undefined|\[object/.test(message))
      throw new Error(`a problem says too little: ${message}`);
  }
  for (const line of [...warnings, ...notes]) if (!/\S/.test(line)) throw new Error("an empty note");
  if (resolved === undefined) {
    if (problems.length === 0) throw new Error("it was refused without a reason");
    return;
  }
  if (!alsoShown) return;
  const shown = writeSettings(resolved.config).map(({ path, value }) => [path, value] as const);
  const { layer } = readFileLayer({ name: "shown", text: JSON.stringify(toTables(shown)) });
  const again = resolveConfig([layer]).config;
  if (!isDeepStrictEqual(again, resolved.config)) throw new Error("what is shown means something else");
  const kept = configOfWritten(JSON.parse(JSON.stringify(writeConfig(resolved.config))));
  if (!isDeepStrictEqual(kept, { ...resolved.config, dryRun: false, verbose: false }))
    throw new Error("what is kept means something else");
}

/** Dots in the names as tables. */
function toTables(values: readonly (readonly [string, unknown])[]): unknown {
  const names = [...new Set(values.map(([path]) => path.split(".")[0] ?? ""))];
  return Object.fromEntries(
    names.map((name) => {
      const own = values.find(([path]) => path === name);
      const below = values.filter(([path]) => path.startsWith(`${name}.`));
      return [
        name,
        own === undefined
          ? toTables(below.map(([path, value]) => [path.slice(name.length + 1), value]))
          : own[1],
      ];
    }),
  );
}
