// How much later than an empty Node `tproxyctl --version` ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TPROXYCTL } from "../test/support/world.ts";
import type { Part, PartResult, PartRun } from "./part.ts";
import { Rounds } from "./rounds.ts";
import { runTimed } from "./run-timed.ts";
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
      for (const { name, command } of shuffled(commands)) raw.add(name, [runTimed(command)]);
    });
    const figures = [EMPTY, VERSION].map((name) => ({
      name,
      unit: "ms" as const,
      samples: raw.samples(name),
    }));
    const added = {
      name: "  added to an empty Node",
      unit: "ms" as const,
      samples: raw.added(VERSION, EMPTY),
      goal: 50,
    };
    return { figures: [...figures, added], raw };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
