// Other options over an installation: in place, without a gap, and as if they had been the first.

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type KernelState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { intactStatus, worldWithProxy } from "./support.ts";

const BOTH = ["15001", "15006", "16001", "16006"].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
const OTHER_PORTS = ["--redirect-outbound-port", "16001", "--redirect-inbound-port", "16006"];
const TC = ["--ebpf-tc-attach-iface", "eth0"];

test("a client that connects without pause is intercepted all the time", async () => {
  await using world = await World.create();
  await world.startProxy({ listen: BOTH });
  await world.install();
  const streams = await Promise.all([
    ConnectionStream.start(world, "10.66.0.2:80"),
    ConnectionStream.start(world, "[fd66::2]:80"),
    ConnectionStream.start(world, "10.66.0.1:80", { host: "remote", cgroup: false }),
    ConnectionStream.start(world, "[fd66::1]:80", { host: "remote", cgroup: false }),
  ]);
  for (const flags of [
    [],
    OTHER_PORTS,
    ["--exclude-outbound-ports", "22", "--exclude-inbound-ports", "22"],
    TC,
    [...TC, ...OTHER_PORTS],
    ["--ebpf-instance-ip", "10.66.0.1,fd66::1"],
  ]) {
    await world.install(...flags);
    for (const stream of streams) await stream.more(20);
  }
  for (const stream of streams) expect(await stream.stop()).toEqual([]);
});

test("IPv4 is intercepted all the time while IPv6 is switched off and on", async () => {
  await using world = await worldWithProxy();
  await world.install();
  const streams = await Promise.all([
    ConnectionStream.start(world, "10.66.0.2:80"),
    ConnectionStream.start(world, "10.66.0.1:80", { host: "remote", cgroup: false }),
  ]);
  for (const mode of ["ipv4", "dualstack", "ipv4"]) {
    await world.install("--ip-family-mode", mode);
    for (const stream of streams) await stream.more(20);
  }
  for (const stream of streams) expect(await stream.stop()).toEqual([]);
});

test("a client in a cgroup below is intercepted while the installation moves there and back", async () => {
  await using world = await World.create();
  const child = join(world.cgroup, "child");
  mkdirSync(child);
  world.defer(async () => rmdirSync(child));
  await world.startProxy({ cgroup: child });
  await world.install();
  const streams = await Promise.all([
    ConnectionStream.start(world, "10.66.0.2:80", { cgroup: child }),
    ConnectionStream.start(world, "[fd66::2]:80", { cgroup: child }),
  ]);
  for (const cgroup of [child, world.cgroup, child]) {
    await world.install("--ebpf-cgroup-path", cgroup);
    expect((await intactStatus(world)).record.cgroupPath).toBe(cgroup);
    for (const stream of streams) await stream.more(20);
  }
  for (const stream of streams) expect(await stream.stop()).toEqual([]);
  const { links = [], "cgroup programs": programs = [] } = await kernelState(world);
  expect(links).toHaveLength(7);
  expect(programs.map((line) => line.split(": ")[0])).toEqual(new Array(6).fill(child));
});

test.each([
  ["sk_lookup", "tc", [], TC],
  ["tc", "sk_lookup", TC, []],
  ["both families", "IPv4", [], ["--ip-family-mode", "ipv4"]],
  ["IPv4", "both families", ["--ip-family-mode", "ipv4"], []],
  ["the default ports", "others", [], OTHER_PORTS],
  ["both directions", "outbound alone", TC, ["--redirect-inbound=false"]],
  ["outbound alone", "both directions", ["--redirect-inbound=false"], TC],
  ["all addresses", "one", [], ["--ebpf-instance-ip", "10.66.0.1"]],
])(
  "first %s, then %s: the state is as if the latter had been the first",
  async (_first, _then, first, then) => {
    await using world = await worldWithProxy();
    await world.install(...then);
    const alone = { state: shape(await kernelState(world)), ...(await intactStatus(world)) };
    await world.uninstall();
    await world.install(...first);
    await world.install(...then);
    await expect
      .poll(async () => shape(await kernelState(world)), { timeout: 10_000, interval: 20 })
      .toEqual(alone.state);
    const { record } = await intactStatus(world);
    expect(record).toEqual({ ...alone.record, installedAt: expect.any(String) });
  },
);

/** Without the ids, which are new each time. */
function shape(state: KernelState): Record<string, string[]> {
  const plain = (line: string) => line.replaceAll(/\b\d+\b/g, "#");
  return Object.fromEntries(Object.entries(state).map(([name, lines]) => [name, lines.map(plain).sort()]));
}
