// What a whole process takes, seen from outside (run-timed.c).

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";
import type { Figure } from "./figure.ts";
import type { Rounds } from "./rounds.ts";

const RUN_TIMED = join(projectRoot, "build/run-timed");

/** What a command needs of the environment; the rest of ours would make runs differ between people. */
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: "C" };

/** Runs a command and adds what it took. Throws where it fails: that is no time worth knowing. */
export function runTimed(name: string, command: readonly string[], raw: Rounds): void {
  const { status, error, stdout, stderr } = spawnSync(RUN_TIMED, command, {
    env: ENVIRONMENT,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command.join(" ")} failed:\n${stderr}`);
  const { elapsed, cpu } = JSON.parse(stdout) as { readonly elapsed: number; readonly cpu: number };
  raw.add(name, [elapsed / 1e6]);
  raw.add(cpuOf(name), [cpu / 1e6]);
}

/** The name of a command's processor time in the raw data. */
export function cpuOf(name: string): string {
  return `${name}, processor time`;
}

/** The time of a command, and its processor time, which others on the machine disturb less. */
export function timeFigures(name: string, raw: Rounds, goal?: number): Figure[] {
  const time = { name, unit: "ms" as const, samples: raw.samples(name) };
  const cpu = { name: "  processor time", unit: "ms" as const, samples: raw.samples(cpuOf(name)) };
  return [goal === undefined ? time : { ...time, goal }, cpu];
}
