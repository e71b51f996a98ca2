// SIGKILL on the way: whatever was reached, the next command sets it right. strace kills at a system call, so
// that it is the same place every time.

import { execa } from "execa";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { TPROXYCTL, World } from "../support/world.ts";
import { installWithFeaturesCommand } from "./install-with-features.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectInterception, intactStatus, worldWithProxy } from "./support.ts";

/** Kills at the entry of a system call: the `nth` call of it, as strace counts them for each thread. */
async function killAt(world: World, call: string, nth: number, command: readonly string[]): Promise<void> {
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`];
  const inject = ["-e", `inject=${call}:signal=KILL:when=${nth}`];
  // A test that fails before its own uninstallation would leave the killed one's lock file.
  world.defer(() => world.tproxyctl(["uninstall"]));
  const result = await world.run([...strace, ...inject, ...command], { cgroup: false });
  // strace ends as its child did. Anything else means that the place was not reached: the test would be void.
  expect(result.exitCode, `${call} ${nth}: ${result.stderr}`).not.toBe(0);
  expect(result.stderr).not.toMatch(/error:/);
}

const install = (world: World, ...flags: string[]) => [TPROXYCTL, ...world.installArguments(...flags)];

/** From the probes over maps, programs, links and pins to the last step. */
const POINTS = [
  ["mkdir", 1],
  ["bpf", 30],
  ["mkdir", 4],
  ["bpf", 68],
  ["bpf", 80],
  ["bpf", 88],
  ["bpf", 112],
  ["rename", 1],
  ["unlink", 1],
] as const;

test.each(POINTS)(
  "a first installation, killed at %s number %i: uninstall leaves nothing",
  async (call, nth) => {
    await using world = await worldWithProxy();
    const before = await kernelState(world);
    await killAt(world, call, nth, install(world));
    expect([0, 1, 2]).toContain((await world.status()).exitCode);
    await world.uninstall();
    await expectState(world, before);
  },
);

test.each([
  ["bpf", 60],
  ["bpf", 110],
  ["rename", 1],
] as const)("a first installation, killed at %s number %i: install completes it", async (call, nth) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await killAt(world, call, nth, install(world));
  await world.install();
  await intactStatus(world);
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  ["bpf", 60],
  ["bpf", 90],
  ["bpf", 110],
  ["bpf", 140],
  ["rename", 1],
  ["unlink", 1],
  ["unlink", 10],
  ["rmdir", 1],
] as const)("a reinstallation, killed at %s number %i: install completes it", async (call, nth) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await world.install();
  await killAt(
    world,
    call,
    nth,
    install(world, "--ebpf-tc-attach-iface", "eth0", "--exclude-outbound-ports", "22"),
  );
  const { exitCode, status } = await world.status();
  // It may say that something is amiss; it may say that all is well only if all is as one installation put it.
  expect([0, 2], JSON.stringify(status)).toContain(exitCode);
  if (exitCode === 0) await expectOwnPrograms(world);
  await world.install();
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

/** The programs at the hooks are those that this installation pinned. */
async function expectOwnPrograms(world: World): Promise<void> {
  const { hooks, pins } = await intactStatus(world);
  for (const { hook, programId } of hooks) {
    const { stdout } = await execa("bpftool", [
      "-j",
      "prog",
      "show",
      "pinned",
      `${pins}/program-${hook.program}`,
    ]);
    expect({ program: hook.program, id: programId }).toEqual({
      program: hook.program,
      id: JSON.parse(stdout).id,
    });
  }
}

test.each([
  ["bpf", 12],
  ["bpf", 20],
  ["unlink", 1],
  ["unlink", 12],
  ["rmdir", 1],
] as const)("an uninstallation, killed at %s number %i: uninstall completes it", async (call, nth) => {
  await using world = await World.create();
  const before = await kernelState(world);
  await world.install();
  await killAt(world, call, nth, [TPROXYCTL, "uninstall"]);
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  // The filter is there, and no record of it yet.
  ["bpf", 87],
  ["bpf", 89],
  ["bpf", 90],
  ["rename", 1],
] as const)("a filter on a clsact qdisc, killed at %s number %i, is found again", async (call, nth) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const command = installWithFeaturesCommand(world, { tcx: false }, "--ebpf-tc-attach-iface", "eth0");
  await killAt(world, call, nth, command);
  await world.uninstall();
  await expectState(world, before);
  await killAt(world, call, nth, command);
  expect(await world.run(command, { cgroup: false })).toMatchObject({ exitCode: 0 });
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  ["mkdir", 5],
  ["mount", 1],
  ["mkdir", 6],
  ["rename", 1],
  ["umount2", 1],
  ["rmdir", 3],
  ["rmdir", 4],
] as const)("the bpffs of our own, killed at %s number %i, goes with uninstall", async (call, nth) => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${nth}`];
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", ...inject];
  if (call === "umount2" || call === "rmdir") {
    expect(await mounts.install()).toMatchObject({ exitCode: 0 });
    expect((await mounts.run([...strace, TPROXYCTL, "uninstall"])).exitCode).not.toBe(0);
  } else {
    expect((await mounts.run([...strace, TPROXYCTL, ...mounts.installArguments()])).exitCode).not.toBe(0);
  }
  expect(await mounts.tproxyctl(["uninstall"])).toMatchObject({ exitCode: 0 });
  await expectState(world, before, look);
});
