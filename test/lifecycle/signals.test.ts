// The kernel gives up the check of a program when a signal comes, and says EAGAIN: not a reason to fail.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../support/project-files.ts";
import { expectInterception, worldWithProxy } from "./support.ts";

test("signals without pause, those of a profiler, do not keep the programs from being loaded", async () => {
  await using world = await worldWithProxy();
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-profile-"));
  world.defer(async () => rmSync(directory, { recursive: true }));
  const profiler = ["--cpu-prof", "--cpu-prof-interval", "300", "--cpu-prof-dir", directory];
  const command = [process.execPath, ...profiler, join(projectRoot, "dist/main.js")];
  const { exitCode, stderr } = await world.run([...command, ...world.installArguments()], { cgroup: false });
  expect(exitCode, stderr).toBe(0);
  expect(readdirSync(directory)).toHaveLength(1);
  await expectInterception(world);
});
