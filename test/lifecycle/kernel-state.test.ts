// The other files trust `kernelState` to see whatever is left behind: here it has to.

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { changedSections, kernelState } from "../support/kernel-state.ts";
import { unmount, World } from "../support/world.ts";
import { installWithFeatures } from "./install-with-features.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { ForeignPrograms } from "./support.ts";

const BPF = ["links", "programs", "maps", "cgroup programs", "pins"];

test("an installation shows wherever it puts something", async () => {
  await using world = await World.create();
  const service = world.netns("service");
  const before = await kernelState(world);
  await world.install("--ebpf-tc-attach-iface", "eth0");
  expect(changedSections(before, await kernelState(world))).toEqual(
    [...BPF, ...["tcx", "addresses", "routes"].map((name) => `${service}: ${name}`)].sort(),
  );
});

test("a filter and its qdisc show", async () => {
  await using world = await World.create();
  const service = world.netns("service");
  const before = await kernelState(world);
  await installWithFeatures(
    world,
    { tcx: false },
    "--ebpf-tc-attach-iface",
    "eth0",
    "--ip-family-mode",
    "ipv4",
  );
  expect(changedSections(before, await kernelState(world))).toEqual(
    [...BPF, `${service}: filters`, `${service}: qdiscs`].sort(),
  );
});

test.each([
  [
    "links",
    (world: World, foreign: ForeignPrograms) => foreign.fillLookup(`/run/netns/${world.netns("service")}`, 1),
  ],
  ["cgroup programs", (world: World, foreign: ForeignPrograms) => foreign.fillConnect4(world.cgroup, 1)],
  ["pins", (world: World) => mkdirSync(join(world.bpffs, "somebody"))],
  ["mounts", mountAgain],
  ["remote: addresses", (world: World) => world.ip("remote", "address", "add", "::6/128", "dev", "lo")],
  [
    "service: routes",
    (world: World) =>
      world.ip("service", "route", "add", "local", "192.0.2.0/24", "dev", "lo", "table", "99"),
  ],
  [
    "service: routing rules",
    (world: World) => world.ip("service", "rule", "add", "fwmark", "1", "table", "99"),
  ],
  [
    "service: settings",
    (world: World) =>
      world.run(["sysctl", "-q", "-w", "net.ipv4.conf.lo.route_localnet=1"], { cgroup: false }),
  ],
  ["cgroups", addCgroup],
  ["service: iptables", (world: World) => world.run(["iptables", "-A", "INPUT", "-j", "ACCEPT"])],
  ["service: qdiscs", (world: World) => world.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"])],
] as const)("what somebody else adds shows: %s", async (section, add) => {
  await using world = await World.create();
  using foreign = new ForeignPrograms();
  const before = await kernelState(world);
  await add(world, foreign);
  const after = await kernelState(world);
  const name = section.includes(": ") ? `${world.name}-${section}` : section;
  expect(changedSections(before, after)).toContain(name);
  expect(await kernelState(world)).toEqual(after);
});

async function mountAgain(world: World): Promise<void> {
  await execa("mount", ["--bind", world.bpffs, world.bpffs]);
  world.defer(() => unmount(world.bpffs));
}

async function addCgroup(world: World): Promise<void> {
  const path = join(world.cgroup, "somebody");
  mkdirSync(path);
  world.defer(async () => rmdirSync(path));
}

test("a file in /etc shows, and that one was written again", async () => {
  await using world = await World.create();
  const mounts = await PrivateMounts.create(world);
  const look = { mountsOf: mounts.pid };
  await mounts.mustRun("mount", "-t", "tmpfs", "etc", "/etc");
  await mounts.mustRun("sh", "-c", "echo one >/etc/somebodys");
  const before = await kernelState(world, look);
  await mounts.mustRun("sh", "-c", "echo two >/etc/somebodys");
  expect(changedSections(before, await kernelState(world, look))).toEqual(["etc"]);
});
