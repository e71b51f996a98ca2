// Two namespaces that share the bpffs of our own, at the worst moment for each other: one is stopped (SIGSTOP, by
// strace) right after a system call, the other one does all of its work, then the first goes on.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, type RunOptions, TPROXYCTL, World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";

/** A command that stands still. */
interface Stopped {
  /** Lets it go on to its end. */
  readonly finish: () => Promise<Result>;
}

async function stopAfter(
  world: World,
  mounts: PrivateMounts,
  [call, nth]: readonly [string, number],
  args: readonly string[],
  options: RunOptions,
): Promise<Stopped> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-race-"));
  world.defer(async () => rmSync(directory, { recursive: true }));
  const log = join(directory, "strace");
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=STOP:when=${nth}`];
  const result = mounts.run(["strace", "-f", "-o", log, ...inject, TPROXYCTL, ...args], options);
  const stopped = () => /^(\d+) +--- stopped by SIGSTOP ---$/m.exec(readFileSync(log, "utf8"))?.[1];
  await expect.poll(stopped, { timeout: 20_000, interval: 20 }).toBeDefined();
  let going = false;
  const finish = () => {
    if (!going) process.kill(Number(stopped()), "SIGCONT");
    going = true;
    return result;
  };
  world.defer(finish);
  return { finish };
}

function expectSuccess({ exitCode, stderr }: Result): void {
  expect(exitCode, stderr).toBe(0);
}

const HERE = { host: "service" } as const;
const THERE = { host: "remote" } as const;

test("one installs while another one, which made the directories, has not mounted yet", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const stopped = await stopAfter(world, mounts, ["mkdir", 4], mounts.installArguments(), HERE);
  expectSuccess(await mounts.install(THERE));
  expectSuccess(await stopped.finish());
  for (const host of [HERE, THERE]) expectSuccess(await mounts.tproxyctl(["status"], host));
  for (const host of [HERE, THERE]) expectSuccess(await mounts.tproxyctl(["uninstall"], host));
  await expectState(world, before, look);
});

test("one goes while another one, which comes, has made no pins yet", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install(HERE));
  const stopped = await stopAfter(world, mounts, ["flock", 1], mounts.installArguments(), THERE);
  expectSuccess(await mounts.tproxyctl(["uninstall"], HERE));
  expectSuccess(await stopped.finish());
  expectSuccess(await mounts.tproxyctl(["status"], THERE));
  expectSuccess(await mounts.tproxyctl(["uninstall"], THERE));
  await expectState(world, before, look);
});

test.each([
  ["unmounted", ["umount2", 1]],
  ["removed a directory of", ["rmdir", 4]],
] as const)("one installs while the last to leave has %s what it made, and no more", async (_what, place) => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install(HERE));
  const stopped = await stopAfter(world, mounts, place, ["uninstall"], HERE);
  expectSuccess(await mounts.install(THERE));
  expectSuccess(await stopped.finish());
  expectSuccess(await mounts.tproxyctl(["status"], THERE));
  expectSuccess(await mounts.tproxyctl(["uninstall"], THERE));
  await expectState(world, before, look);
});
