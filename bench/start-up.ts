// How much later than an empty Node `tproxyctl --version` ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TPROXYCTL } from "../test/support/world.ts";
import type { Part, PartResult, PartRun } from "./part.ts";
import { Rounds } from "./rounds.ts";
import { cpuOf, runTimed, timeFigures } from "./run-timed.ts";
import { shuffled } from "./statistics.ts";

const EMPTY = "empty Node";
const VERSION = "tproxyctl --version";

export const startUp: Part = {
  name: "start-up",
  roundMs: 120,
  rounds: { full: 101, quick: 31 },
  measure,
};

async function measure({ repeat }: PartRun): Promise<PartResult> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-bench-"));
  try {
    const empty = join(directory, "empty.js");
    writeFileSync(empty, "");
    const commands = [
      { name: EMPTY, command: [process.execPath, empty] },
      { name: VERSION, command: [TPROXYCTL, "--version"] },
    ];
    const raw = new Rounds();
    await repeat(async () => {
      for (const { name, command } of shuffled(commands)) runTimed(name, command, raw);
    });
    const added = (what: string, base: string) => ({ unit: "ms" as const, samples: raw.added(what, base) });
    const figures = [
      ...timeFigures(EMPTY, raw),
      ...timeFigures(VERSION, raw),
      { name: "  added to an empty Node", ...added(VERSION, EMPTY), goal: 50 },
      { name: "  added processor time", ...added(cpuOf(VERSION), cpuOf(EMPTY)) },
    ];
    return { figures, raw };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
