// Several at a time: they wait for each other where they change the same things, and only there.

import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectInterception, intactStatus, worldWithProxy } from "./support.ts";

function expectSuccess(results: readonly Result[]): void {
  expect(results.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
}

test("20 installations at once in one namespace end in one", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const ports = Array.from({ length: 20 }, (_, index) => String(1000 + index));
  const results = await Promise.all(
    ports.map((port) => world.tproxyctl(world.installArguments("--exclude-outbound-ports", port))),
  );
  expectSuccess(results);
  const completed = "# transparent proxy setup completed successfully (engine: ebpf";
  const said = results.map(({ stdout }) => stdout).sort();
  expect(said).toEqual([`${completed})`, ...new Array(19).fill(`${completed}, changed in place)`)]);
  const { record, hooks } = await intactStatus(world);
  expect(record.outbound.excludedPorts).toHaveLength(1);
  expect(hooks).toHaveLength(7);
  await expect
    .poll(async () => (await kernelState(world)).programs, { timeout: 10_000, interval: 20 })
    .toHaveLength(7);
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

test("installations and uninstallations at once in one namespace all succeed", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  const actions = Array.from({ length: 12 }, (_, index) =>
    world.tproxyctl(index % 2 === 0 ? world.installArguments() : ["uninstall"]),
  );
  expectSuccess(await Promise.all(actions));
  await world.uninstall();
  await expectState(world, before);
});

test("two namespaces come and go at once on the bpffs that both have to mount", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const hosts = ["service", "remote"] as const;
  for (let round = 0; round < 4; round++) {
    expectSuccess(await Promise.all(hosts.map((host) => mounts.install({ host }))));
    expectSuccess(await Promise.all(hosts.map((host) => mounts.tproxyctl(["status"], { host }))));
    expectSuccess(await Promise.all(hosts.map((host) => mounts.tproxyctl(["uninstall"], { host }))));
    await expectState(world, before, look);
  }
});

test("one namespace comes while the other one goes, and the bpffs with it", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  const before = await kernelState(world, look);
  const cycle = async (host: string) => {
    for (let round = 0; round < 5; round++) {
      expectSuccess([await mounts.install({ host })]);
      expectSuccess([await mounts.tproxyctl(["status"], { host })]);
      expectSuccess([await mounts.tproxyctl(["uninstall"], { host })]);
    }
  };
  await Promise.all([cycle("service"), cycle("remote")]);
  await expectState(world, before, look);
});
