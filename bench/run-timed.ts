// The time that a whole process takes, from outside.

import { spawnSync } from "node:child_process";

/** What a command needs of the environment; the rest of ours would make runs differ between people. */
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: "C" };

/** Milliseconds from the start of a command to its end. Throws where it fails: that is no time worth knowing. */
export function runTimed(command: readonly string[]): number {
  const [file = "", ...args] = command;
  const started = performance.now();
  const { status, error, stderr } = spawnSync(file, args, { env: ENVIRONMENT, encoding: "utf8" });
  const ms = performance.now() - started;
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command.join(" ")} failed with status ${status}:\n${stderr}`);
  return ms;
}
