// Two namespaces that share the bpffs of our own, at the worst moment for each other: one is stopped (SIGSTOP, by
// strace) right after a system call, the other one does all of its work, then the first goes on.

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
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

/** The other one does what it can: all of its work, or it waits for the lock of the one that stands still. */
async function untilDoneOrWaiting(other: Promise<Result>, mounts: PrivateMounts): Promise<void> {
  let done = false;
  const end = () => {
    done = true;
  };
  other.then(end, end);
  await expect.poll(() => done || holdersOfLock(mounts) > 1, { timeout: 60_000, interval: 20 }).toBe(true);
}

/** How many processes have the lock of the bpffs open, in this mount namespace. */
function holdersOfLock(mounts: PrivateMounts): number {
  const namespace = readlinkSync(`/proc/${mounts.pid}/ns/mnt`);
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return processes.filter((pid) => {
    try {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) !== namespace) return false;
      const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      return fds.includes("/run/tproxyctl/bpffs.lock");
    } catch {
      // It has ended meanwhile.
      return false;
    }
  }).length;
}

test.each([
  ["made the directories", ["mkdir", 5]],
  ["mounted", ["mount", 1]],
] as const)("one installs while another one, which has %s, stands still", async (_what, place) => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const stopped = await stopAfter(world, mounts, place, mounts.installArguments(), HERE);
  const other = mounts.install(THERE);
  await untilDoneOrWaiting(other, mounts);
  expectSuccess(await stopped.finish());
  expectSuccess(await other);
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
  ["unmounted what it made", ["umount2", 1]],
  ["removed a directory", ["rmdir", 3]],
] as const)("one installs while the last to leave, which has %s, stands still", async (_what, place) => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install(HERE));
  const stopped = await stopAfter(world, mounts, place, ["uninstall"], HERE);
  const other = mounts.install(THERE);
  await untilDoneOrWaiting(other, mounts);
  expectSuccess(await stopped.finish());
  expectSuccess(await other);
  expectSuccess(await mounts.tproxyctl(["status"], THERE));
  expectSuccess(await mounts.tproxyctl(["uninstall"], THERE));
  await expectState(world, before, look);
});
