// Without --ebpf-bpffs-path: the file system for the pins is mounted and unmounted by the product itself.

import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

const MOUNTS = ["grep", "-c", " /run/kuma/bpf .* - bpf ", "/proc/self/mountinfo"];

async function privateWorld(make: () => Promise<World>) {
  const world = await make();
  try {
    const mounts = await PrivateMounts.create(world);
    const look = { mountsOf: mounts.pid };
    return { world, mounts, look, isMounted: async () => (await mounts.run(MOUNTS)).stdout === "1" };
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

function expectSuccess(...results: readonly Result[]): void {
  for (const { exitCode, stderr } of results) expect(exitCode, stderr).toBe(0);
}

test("install mounts it, uninstall removes the mount and the directories", async () => {
  const { world, mounts, look, isMounted } = await privateWorld(worldWithProxy);
  await using _world = world;
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install(), await mounts.install({}, "--exclude-outbound-ports", "22"));
  expect(await isMounted()).toBe(true);
  expectSuccess(await mounts.tproxyctl(["status"]));
  await expectInterception(world);
  expectSuccess(await mounts.tproxyctl(["uninstall"]));
  await expectState(world, before, look);
});

test.each([
  ["the directory /run/kuma", ["mkdir", "/run/kuma"]],
  ["the directory /run/kuma/bpf", ["mkdir", "-p", "/run/kuma/bpf"]],
  ["a file in /run/kuma", ["sh", "-c", "mkdir /run/kuma && touch /run/kuma/somebody"]],
  ["a bpffs at /run/kuma/bpf", ["sh", "-c", "mkdir -p /run/kuma/bpf && mount -t bpf bpf /run/kuma/bpf"]],
])("uninstall leaves what was there before: %s", async (_what, command) => {
  const { world, mounts, look } = await privateWorld(() => World.create());
  await using _world = world;
  await mounts.mustRun(...command);
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install(), await mounts.tproxyctl(["uninstall"]));
  await expectState(world, before, look);
});

test("somebody else's pin keeps the mount, and only that", async () => {
  const { world, mounts, isMounted } = await privateWorld(() => World.create());
  await using _world = world;
  expectSuccess(await mounts.install());
  await mounts.mustRun("mkdir", "/run/kuma/bpf/somebody");
  expectSuccess(await mounts.tproxyctl(["uninstall"]));
  expect(await isMounted()).toBe(true);
  expect((await mounts.run(["ls", "/run/kuma/bpf"])).stdout.split("\n")).toContain("somebody");
  expect((await mounts.run(["ls", "/run/kuma/bpf"])).stdout).not.toContain("tproxyctl");
});

test("files in /run/kuma/bpf are not hidden by a mount", async () => {
  const { world, mounts, look } = await privateWorld(() => World.create());
  await using _world = world;
  await mounts.mustRun("sh", "-c", "mkdir -p /run/kuma/bpf && touch /run/kuma/bpf/somebody");
  const before = await kernelState(world, look);
  const result = await mounts.install();
  expectFailure(result, "BPFFS_UNUSABLE", /a mount would hide the files in it/, /--ebpf-bpffs-path/);
  await expectState(world, before, look);
});

test.each([
  ["who came first leaves first", ["service", "remote"]],
  ["who came last leaves first", ["remote", "service"]],
] as const)("two namespaces share it, the last one to leave unmounts: %s", async (_title, leaving) => {
  const { world, mounts, look, isMounted } = await privateWorld(() => World.create());
  await using _world = world;
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install({ host: "service" }), await mounts.install({ host: "remote" }));
  const [first, last] = leaving;
  expectSuccess(await mounts.tproxyctl(["uninstall"], { host: first }));
  expect(await isMounted()).toBe(true);
  expect((await mounts.tproxyctl(["status"], { host: first })).exitCode).toBe(1);
  expectSuccess(await mounts.tproxyctl(["status"], { host: last }));
  expectSuccess(await mounts.tproxyctl(["uninstall"], { host: last }));
  await expectState(world, before, look);
});

test("an installation is found, wherever its pins are: they move to where they shall be now", async () => {
  const { world, mounts, look } = await privateWorld(() => World.create());
  await using _world = world;
  const before = await kernelState(world, look);
  expectSuccess(await mounts.install({}, "--ebpf-bpffs-path", world.bpffs));
  const there = await kernelState(world, look);
  expectSuccess(await mounts.install());
  const { stdout } = await mounts.tproxyctl(["status", "--json"], {});
  expect(JSON.parse(stdout)).toMatchObject({ pins: expect.stringMatching(/^\/run\/kuma\/bpf\/tproxyctl\//) });
  const back = await mounts.install({}, "--ebpf-bpffs-path", world.bpffs);
  expectSuccess(back);
  expect(back.stdout).toContain("changed in place");
  // The mount that was ours is gone with the pins; the links are the ones from the beginning.
  const now = await kernelState(world, look);
  expect({ mounts: now.mounts, links: now.links?.length }).toEqual({
    mounts: there.mounts,
    links: there.links?.length,
  });
  expectSuccess(await mounts.tproxyctl(["uninstall"], {}));
  await expectState(world, before, look);
});
