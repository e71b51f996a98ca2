// The program under strace, which counts its calls, or keeps one of them from coming to pass.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { Scratch } from "../native/support.ts";
import { type Result, TPROXYCTL, type World } from "../support/world.ts";

/** The bpf calls of an installation, in order: the command of each. */
export async function callsOf(world: World, flags: readonly string[]): Promise<string[]> {
  using scratch = new Scratch();
  const log = join(scratch.path, "strace");
  const strace = ["strace", "-qq", "-o", log, "-e", "trace=bpf"];
  const result = await world.run([...strace, TPROXYCTL, ...world.installArguments(...flags)], {
    cgroup: false,
  });
  expect(result.exitCode, result.stderr).toBe(0);
  const lines = readFileSync(log, "utf8").split("\n");
  return lines.flatMap((line) => /^bpf\((BPF_\w+)/.exec(line)?.[1] ?? []);
}

/** strace's word for a call in all its forms: where x86-64 has rename, arm64 has renameat and renameat2 only. */
export function everyForm(call: string): string {
  return `/^${call}(at2?)?$`;
}

/** Which calls (from 1) are of this command. */
export function numbersOf(calls: readonly string[], command: string): number[] {
  return calls.flatMap((each, index) => (each === command ? [index + 1] : []));
}

/** An installation whose `nth` call (from 1) does not come to pass: `what` is strace's, `signal=KILL` or `error=EIO`. */
export function injected(
  world: World,
  call: string,
  what: string,
  nth: number,
  flags: readonly string[],
): Promise<Result> {
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${everyForm(call)}`];
  const inject = ["-e", `inject=${everyForm(call)}:${what}:when=${nth}`];
  return world.run([...strace, ...inject, TPROXYCTL, ...world.installArguments(...flags)], { cgroup: false });
}

/** A first installation that is killed before its last step: all of it is attached and pinned, and does not count. */
export async function killBeforeRename(world: World, ...flags: readonly string[]): Promise<void> {
  const { exitCode } = await injected(world, "rename", "signal=KILL", 1, flags);
  expect(exitCode).not.toBe(0);
}
