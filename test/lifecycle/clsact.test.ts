// Before Linux 6.6 tc programs are filters on a clsact qdisc, which others may use, too.

import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, World } from "../support/world.ts";
import { installWithFeatures } from "./install-with-features.ts";
import { expectInbound, expectInterception, ForeignPrograms, worldWithProxy } from "./support.ts";

const TC = ["--ebpf-tc-attach-iface", "eth0"];
const NO_TCX = { tcx: false };

async function tc(world: World, ...args: readonly string[]): Promise<Result> {
  const result = await world.run(["tc", ...args], { cgroup: false });
  expect(result.exitCode, `tc ${args.join(" ")}: ${result.stderr}`).toBe(0);
  return result;
}

/** Our filters on an interface: lines of `tc filter show` that name the program. */
async function ourFilters(world: World, device = "eth0"): Promise<string[]> {
  const { stdout } = await tc(world, "filter", "show", "dev", device, "ingress");
  return stdout.split("\n").filter((line) => line.includes("tp_tc_ingress"));
}

test("reinstall replaces the program of the one filter", async () => {
  await using world = await worldWithProxy();
  await installWithFeatures(world, NO_TCX, ...TC);
  const [first, ...others] = await ourFilters(world);
  expect(first).toMatch(/pref 49006 bpf .*handle 0x1 .*direct-action/);
  await installWithFeatures(world, NO_TCX, ...TC);
  const [second, ...more] = await ourFilters(world);
  expect([...others, ...more]).toEqual([]);
  const ids = /:\[\d+\]| id \d+/g;
  expect(second?.replaceAll(ids, "")).toBe(first?.replaceAll(ids, ""));
  expect(second).not.toBe(first);
  expect((await world.status()).exitCode).toBe(0);
  await expectInterception(world);
});

test("an interface that is not named any more loses filter and qdisc", async () => {
  await using world = await World.create();
  await world.addHost("other", "eth1", 1);
  const before = await kernelState(world);
  await installWithFeatures(world, NO_TCX, "--ebpf-tc-attach-iface", "eth1");
  await installWithFeatures(world, NO_TCX, ...TC);
  expect(await ourFilters(world)).toHaveLength(1);
  expect((await tc(world, "qdisc", "show", "dev", "eth1")).stdout).not.toContain("clsact");
  await installWithFeatures(world, NO_TCX);
  expect((await tc(world, "qdisc", "show", "dev", "eth0")).stdout).not.toContain("clsact");
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  ["a clsact qdisc", "clsact", []],
  ["a clsact qdisc with a filter at ingress", "clsact", ["ingress"]],
  ["a clsact qdisc with filters at both", "clsact", ["ingress", "egress"]],
  ["an ingress qdisc", "ingress", []],
])("what was there before stays as it was: %s", async (_title, qdisc, filters) => {
  await using world = await worldWithProxy();
  using foreign = new ForeignPrograms();
  await tc(world, "qdisc", "add", "dev", "eth0", qdisc);
  for (const direction of filters) await foreign.addFilter(world, direction);
  const before = await kernelState(world);
  await installWithFeatures(world, NO_TCX, ...TC);
  await expectInbound(world, "v4");
  await installWithFeatures(world, NO_TCX, ...TC);
  await expectInbound(world, "v6");
  await world.uninstall();
  await expectState(world, before);
});

test.each(["ingress", "egress"])("a filter that somebody added at %s keeps the qdisc", async (direction) => {
  await using world = await World.create();
  using foreign = new ForeignPrograms();
  await installWithFeatures(world, NO_TCX, ...TC);
  await foreign.addFilter(world, direction);
  await installWithFeatures(world, NO_TCX, ...TC);
  await world.uninstall();
  expect(await ourFilters(world)).toEqual([]);
  expect((await tc(world, "filter", "show", "dev", "eth0", direction)).stdout).toMatch(/pref 7 bpf .*go_on/);
});

test.each([
  ["the filter", ["filter", "del", "dev", "eth0", "ingress", "prio", "49006"]],
  ["the qdisc", ["qdisc", "del", "dev", "eth0", "clsact"]],
])("where somebody removed %s, reinstall mends it and uninstall succeeds", async (_what, command) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await installWithFeatures(world, NO_TCX, ...TC);
  await tc(world, ...command);
  expect((await world.status()).exitCode).toBe(2);
  await installWithFeatures(world, NO_TCX, ...TC);
  await expectInbound(world, "v4");
  await tc(world, ...command);
  await world.uninstall();
  await expectState(world, before);
});
