// How much later than an empty Node `tproxyctl --version` ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TPROXYCTL } from "../../test/support/world.ts";
import type { Part, PartRun } from "../part.ts";
import { recordProcess } from "../run-timed.ts";
import { shuffled } from "../statistics.ts";

export const startUp: Part = {
  name: "start-up",
  about: "Whole processes, one after the other: Node with an empty program, and `tproxyctl --version`.",
  rounds: { full: 61, quick: 15 },
  roundMs: { full: 130, quick: 130 },
  measure,
};

async function measure(run: PartRun): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-bench-"));
  try {
    const empty = join(directory, "empty.js");
    writeFileSync(empty, "");
    const commands = [
      { name: "an empty Node", command: [process.execPath, empty] },
      { name: "tproxyctl --version", command: [TPROXYCTL, "--version"] },
    ];
    await run.repeat(async () => {
      for (const { name, command } of shuffled(commands)) recordProcess(run, "start", name, command);
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
