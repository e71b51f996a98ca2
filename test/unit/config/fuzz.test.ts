// Whatever is given, the reading ends soon, with a configuration or with an explanation.
//   FUZZ_CASES=100000 …   all of them (a minute or two)     FUZZ_SEED=1234 …   one of them again, with what it was

import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { readFileLayer } from "../../../src/config/files/file-layer.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { writeSettings } from "../../../src/config/written-config.ts";
import { makeCase } from "./fuzz-cases.ts";
import { type Reading, read } from "./support.ts";

const SEED = process.env.FUZZ_SEED;
const CASES = Number(process.env.FUZZ_CASES ?? 50_000);
const LONGEST_MS = 10_000;

test(`${SEED === undefined ? `${CASES} configurations` : `the configuration of seed ${SEED}`}`, {
  timeout: CASES * 10 + 10_000,
}, async () => {
  const counts = { taken: 0, refused: 0 };
  const [from, to] = SEED === undefined ? [1, CASES] : [Number(SEED), Number(SEED)];
  for (let seed = from; seed <= to; seed++) {
    const { resolved } = await readSeed(seed);
    counts[resolved === undefined ? "refused" : "taken"] += 1;
  }
  if (SEED !== undefined) {
    console.log(makeCase(from), await readSeed(from));
    return;
  }
  // Cases that are all of one kind would try next to nothing.
  expect(counts.taken).toBeGreaterThan(CASES / 50);
  expect(counts.refused).toBeGreaterThan(CASES / 50);
});

async function readSeed(seed: number): Promise<Reading> {
  const { words, variables, stdin } = makeCase(seed);
  const started = performance.now();
  try {
    const reading = await read(words, variables, stdin);
    check(reading, seed % 8 === 0 || SEED !== undefined);
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
