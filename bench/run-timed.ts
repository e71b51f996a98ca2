// What a whole process takes, seen from outside (tools/run-timed.c).

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";
import type { PartRun } from "./part.ts";

const RUN_TIMED = join(projectRoot, "build/run-timed");

/** What a command needs of the environment; the rest of ours would make runs differ between people. */
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: "C" };

interface Process {
  readonly elapsedMs: number;
  readonly processorMs: number;
  /** The most that it had at a time. */
  readonly memoryMiB: number;
}

/** Runs a command. Throws where it fails: that is no time worth knowing. */
export function runTimed(command: readonly string[]): Process {
  const { status, error, stdout, stderr } = spawnSync(RUN_TIMED, command, {
    env: ENVIRONMENT,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command.join(" ")} failed:\n${stderr}`);
  const { elapsed, cpu, memory } = JSON.parse(stdout) as Record<"elapsed" | "cpu" | "memory", number>;
  return { elapsedMs: elapsed / 1e6, processorMs: cpu / 1e6, memoryMiB: memory / 2 ** 20 };
}

export function recordProcess(
  run: PartRun,
  scenario: string,
  candidate: string,
  command: readonly string[],
): void {
  const { elapsedMs, processorMs, memoryMiB } = runTimed(command);
  const what = { scenario, candidate };
  run.record({ ...what, quantity: "time", unit: "ms" }, [elapsedMs]);
  run.record({ ...what, quantity: "processor time", unit: "ms" }, [processorMs]);
  run.record({ ...what, quantity: "memory of the process", unit: "MiB" }, [memoryMiB]);
}
