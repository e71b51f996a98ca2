// After `uninstall` everything is as it was before `install`, whatever was installed and whatever happened since.

import { mkdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import {
  expectInterception,
  expectNoInterception,
  ForeignPrograms,
  HeldConnections,
  intactStatus,
  worldWithProxy,
} from "./support.ts";

const TC = ["--ebpf-tc-attach-iface", "eth0"];

test.each([
  ["sk_lookup", []],
  ["tc", TC],
  ["IPv4 alone", ["--ip-family-mode", "ipv4"]],
  ["IPv4 alone by tc", ["--ip-family-mode", "ipv4", ...TC]],
  ["one address", ["--ebpf-instance-ip", "10.66.0.1"]],
  ["outbound alone", ["--redirect-inbound=false"]],
  ["excluded ports", ["--exclude-inbound-ports", "22,80", "--exclude-outbound-ports", "443"]],
])("without a proxy: %s", async (_title, flags) => {
  await using world = await World.create();
  const before = await kernelState(world);
  await world.install(...flags);
  await world.uninstall();
  await expectState(world, before);
});

test.each([
  ["sk_lookup", []],
  ["tc", TC],
])("with a running proxy and open connections, which stay open: %s", async (_title, flags) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await world.install(...flags);
  const remote = { host: "remote", cgroup: false } as const;
  const held = await Promise.all([
    HeldConnections.open(world, "10.66.0.2:80"),
    HeldConnections.open(world, "[fd66::2]:80"),
    HeldConnections.open(world, "10.66.0.1:80", remote),
    HeldConnections.open(world, "[fd66::1]:80", remote),
  ]);
  await expectInterception(world);
  await world.uninstall();
  await expectNoInterception(world);
  for (const connections of held) await connections.expectAlive();
  await expectState(world, before);
});

test("connections that are still open keep nothing in the kernel but what they hold themselves", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await world.install();
  const held = await HeldConnections.open(world, "10.66.0.2:80");
  await world.uninstall();
  await expectState(world, before);
  await held.expectAlive();
});

test("a proxy that was restarted, and one that has gone, make no difference", async () => {
  await using world = await World.create();
  const first = await world.startProxy();
  const before = await kernelState(world);
  await world.install();
  await first.stop();
  const second = await world.startProxy();
  await expectInterception(world);
  await second.stop();
  await world.uninstall();
  await expectState(world, before);
});

test("what others have at the same hooks, before and after us, stays and goes on working", async () => {
  await using world = await worldWithProxy();
  using foreign = new ForeignPrograms();
  const netns = `/run/netns/${world.netns("service")}`;
  foreign.fillConnect4(world.cgroup, 1);
  foreign.fillLookup(netns, 1);
  await world.install(...TC);
  foreign.fillConnect4(world.cgroup, 1);
  foreign.fillLookup(netns, 1);
  await world.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"], { cgroup: false });
  await foreign.addFilter(world, "ingress");
  await world.ip("service", "address", "add", "192.0.2.1/32", "dev", "lo");
  const ran = foreign.runsOfConnect4();
  await expectInterception(world);
  expect(foreign.runsOfConnect4()).toBeGreaterThan(ran);
  const with_ = await kernelState(world);
  await world.uninstall();
  const without = await kernelState(world);
  expect(without["cgroup programs"]).toHaveLength(2);
  expect(without["cgroup programs"]?.every((line) => with_["cgroup programs"]?.includes(line))).toBe(true);
  expect(without.links).toHaveLength(4);
  for (const section of ["filters", "qdiscs", "iptables"].map((name) => `${world.netns("service")}: ${name}`))
    expect(without[section], section).toEqual(with_[section]);
  expect(without.pins).toEqual(with_.pins?.filter((path) => !path.startsWith("tproxyctl")));
  expect(await world.ip("service", "address", "show", "dev", "lo")).toContain("192.0.2.1/32");
});

test("an address ::6 that was there before is not ours", async () => {
  await using world = await worldWithProxy();
  await world.ip("service", "address", "add", "::6/128", "dev", "lo");
  const before = await kernelState(world);
  await world.install();
  await world.install();
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, before);
});

/** Where the link at connect4 is pinned. */
async function linkPin(world: World): Promise<string> {
  return join((await intactStatus(world)).pins, "link-cgroup_connect4");
}

test.each([
  ["the interface", (world: World) => world.ip("service", "link", "del", "eth0")],
  ["the address ::6", (world: World) => world.ip("service", "address", "del", "::6/128", "dev", "lo")],
  ["a link", async (world: World) => execa("bpftool", ["link", "detach", "pinned", await linkPin(world)])],
  ["a pin", async (world: World) => unlinkSync(await linkPin(world))],
])("uninstall succeeds also where %s has gone meanwhile", async (_what, take) => {
  await using world = await World.create();
  await world.install(...TC);
  await take(world);
  await world.uninstall();
  await expect
    .poll(() => kernelState(world), { timeout: 10_000, interval: 20 })
    .toMatchObject({
      links: [],
      programs: [],
      maps: [],
      "cgroup programs": [],
      pins: ["maps.debug", "progs.debug"],
    });
  expect(await world.ip("service", "address", "show", "dev", "lo")).not.toContain("::6/128");
});

test("uninstall succeeds also where the cgroup has gone meanwhile", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  const child = join(world.cgroup, "child");
  mkdirSync(child);
  await world.install("--ebpf-cgroup-path", child);
  rmdirSync(child);
  expect((await world.status()).exitCode).toBe(2);
  await world.uninstall();
  await expectState(world, before);
});
