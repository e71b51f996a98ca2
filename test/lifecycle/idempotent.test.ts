// The same command again, and commands where there is nothing for them to do.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { expectInterception, expectNotInstalled, intactStatus, worldWithProxy } from "./support.ts";

test("install again changes in place, and the state is that of one installation", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const first = await world.install();
  expect(first.stdout).toBe("# transparent proxy setup completed successfully (engine: ebpf)");
  const once = await intactStatus(world);
  const second = await world.install();
  expect(second.stdout).toBe(
    "# transparent proxy setup completed successfully (engine: ebpf, changed in place)",
  );
  const twice = await intactStatus(world);
  expect(twice.record).toEqual({ ...once.record, installedAt: expect.any(String) });
  // The links are the same ones: there was no moment without them. The programs in them are new.
  expect(twice.hooks.map(({ linkId }) => linkId)).toEqual(once.hooks.map(({ linkId }) => linkId));
  for (const [index, { programId }] of twice.hooks.entries())
    expect(programId).not.toBe(once.hooks[index]?.programId);
  expect(readdirSync(join(world.bpffs, "tproxyctl"))).toHaveLength(1);
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

test("counters go on counting over a reinstallation", async () => {
  await using world = await worldWithProxy();
  await world.install();
  await expectInterception(world);
  await world.install("--exclude-outbound-ports", "22");
  await expectInterception(world);
  const { connections } = await intactStatus(world);
  expect(connections).toMatchObject({ outboundRedirected: 4, inboundRedirected: 4 });
});

test("::6 stays ours over reinstallations, and goes with the last", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  for (const [flags, ours] of [
    [[], true],
    [[], true],
    [["--ip-family-mode", "ipv4"], false],
    [[], true],
    [["--redirect-inbound=false"], false],
  ] as const) {
    await world.install(...flags);
    expect((await intactStatus(world)).record.addedPassthroughAddress, flags.join(" ")).toBe(ours);
    expect((await world.ip("service", "address", "show", "dev", "lo")).includes("::6/128")).toBe(ours);
  }
  await world.uninstall();
  await expectState(world, before);
});

test("uninstall without an installation, and twice, changes nothing and succeeds", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  await expectNotInstalled(world);
  for (const action of ["uninstall", "install", "uninstall", "uninstall"] as const) {
    expect((await world[action]()).exitCode).toBe(0);
    if (action === "install") continue;
    await expectNotInstalled(world);
    await expectState(world, before);
  }
});

test("`install` and `uninstall` alone mean the transparent proxy", async () => {
  await using world = await World.create();
  const [, , ...flags] = world.installArguments();
  expect(await world.tproxyctl(["install", ...flags])).toMatchObject({ exitCode: 0 });
  await intactStatus(world);
  expect(await world.tproxyctl(["uninstall"])).toMatchObject({ exitCode: 0 });
  await expectNotInstalled(world);
});
