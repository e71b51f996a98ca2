// Rules come, and connections that exist stay as they are.

import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import type { World } from "../support/world.ts";
import { EBPF, holdAll, IPTABLES, REMOTE } from "./engines.ts";
import { expectInterception, worldWithProxy } from "./support.ts";

const MODES = ["nft", "legacy"] as const;
const FAMILIES = ["iptables", "ip6tables"] as const;

async function mustRun(world: World, ...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await world.run(args, { cgroup: false });
  expect(exitCode, stderr).toBe(0);
}

/** Real servers, which go when the connections are there: from then on only the proxy listens. */
async function worldWithConnections(): Promise<{ world: World; held: Awaited<ReturnType<typeof holdAll>> }> {
  const world = await worldWithProxy();
  await world.serve(["10.66.0.2:8080", "[fd66::2]:8080"], REMOTE);
  await world.serve(["10.66.0.1:8080", "[fd66::1]:8080"], { cgroup: false });
  return { world, held: await holdAll(world) };
}

test.each(MODES)("when a first installation brings them: %s", async (mode) => {
  const { world, held } = await worldWithConnections();
  await using _world = world;
  await world.install(...IPTABLES[mode]);
  await expectInterception(world);
  for (const each of held) await each.expectUntouched();
});

test.each(MODES)("when the first try was killed before they were known: %s", async (mode) => {
  const { world, held } = await worldWithConnections();
  await using _world = world;
  for (const family of FAMILIES) {
    const iptables = [`${family}-${mode}`, "-t", "nat"];
    await mustRun(world, ...iptables, "-N", "KUMA_MESH_CONNTRACK");
    const rule = ["-p", "tcp", "-j", "REDIRECT", "--to-ports", "15001"];
    await mustRun(world, ...iptables, "-A", "KUMA_MESH_CONNTRACK", ...rule);
  }
  await world.install(...IPTABLES[mode]);
  await expectInterception(world);
  for (const each of held) await each.expectUntouched();
});

test.each(MODES)("when an installation brings them back that somebody had flushed: %s", async (mode) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await world.install(...IPTABLES[mode]);
  for (const family of FAMILIES) await mustRun(world, `${family}-${mode}`, "-t", "nat", "-F");
  const servers = [
    await world.serve(["10.66.0.2:8080", "[fd66::2]:8080"], REMOTE),
    await world.serve(["10.66.0.1:8080", "[fd66::1]:8080"], { cgroup: false }),
  ];
  const held = await holdAll(world);
  await world.install(...IPTABLES[mode]);
  await expectInterception(world);
  for (const each of held) await each.expectUntouched();
  for (const server of servers) await server.stop();
  await world.uninstall();
  await expectState(world, before);
});

test.each(MODES)("when eBPF takes the place of rules that nothing is written down of: %s", async (mode) => {
  await using world = await worldWithProxy();
  await world.install(...IPTABLES[mode]);
  const held = await holdAll(world);
  await world.forgetRecords();
  await world.install(...EBPF);
  await world.install(...EBPF, "--exclude-outbound-ports", "22");
  await expectInterception(world);
  for (const each of held) await each.expectAlive();
});
