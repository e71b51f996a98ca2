// iptables, verify, doctor and proxy: exactly the capabilities that src/host/capabilities.ts lists, and no others.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDnsWorld } from "../conformance/dns-world.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, type Result, type RunOptions, TPROXYCTL, World } from "../support/world.ts";
import { Asker } from "./asker.ts";
import { capabilitiesFor, withOnly } from "./capabilities-support.ts";
import { EBPF, IPTABLES, REMOTE } from "./engines.ts";
import { LockDirectory } from "./iptables-support.ts";
import { expectFailure, expectInterception, HeldConnections } from "./support.ts";

const DNS = "--redirect-all-dns-traffic";
const EXPLAIN = ["explain", "outbound", "--uid", "1000", "--to", "10.1.2.3:443"];
const NEEDED = {
  nft: capabilitiesFor("iptables"),
  legacy: capabilitiesFor("iptables", "iptables-legacy"),
} as const;

let lock: LockDirectory;
beforeAll(() => {
  lock = new LockDirectory();
});
afterAll(() => lock[Symbol.dispose]());

function run(world: World, capabilities: readonly string[], args: readonly string[]): Promise<Result> {
  const options: RunOptions = { cgroup: false, env: lock.env };
  return world.run(withOnly(capabilities, [TPROXYCTL, ...args]), options);
}

async function must(world: World, capabilities: readonly string[], args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run(world, capabilities, args);
  expect(exitCode, `${args[0]}: ${stderr}`).toBe(0);
}

describe.each(["nft", "legacy"] as const)("iptables (%s)", (mode) => {
  const needed = NEEDED[mode];
  const flags = [...IPTABLES[mode], DNS];

  test("works with them, beside a proxy that runs, and can do nothing without one of them", async () => {
    await using world = await World.create();
    await world.startProxy();
    await must(world, needed, ["uninstall"]); // legacy makes its tables, and they stay
    const before = await kernelState(world);
    for (const one of needed) await expectRefusals(world, one, [world.installArguments(...flags)]);
    await expectState(world, before);
    await must(world, needed, world.installArguments(...flags));
    await must(world, needed, ["status"]);
    await must(world, needed, EXPLAIN);
    await must(world, needed, world.installArguments(...flags, "--exclude-outbound-ports", "22"));
    await expectInterception(world);
    const installed = await kernelState(world);
    const commands = [["status"], EXPLAIN, ["verify"], ["uninstall"], world.installArguments(...flags)];
    for (const one of needed) await expectRefusals(world, one, commands);
    await expectState(world, installed);
    await must(world, [...needed, ...capabilitiesFor("other-users")], ["verify"]);
    await must(world, needed, ["uninstall"]);
    // Where legacy had rules, its tables stay, empty: they are not shown.
    await expectState(world, before);
  });

  async function expectRefusals(world: World, without: string, commands: readonly (readonly string[])[]) {
    const rest = needed.filter((name) => name !== without);
    for (const args of commands) {
      const words = new RegExp(`^error: .*lacks CAP_${without.toUpperCase()}, which`);
      expectFailure(await run(world, rest, args), "CAPABILITY_MISSING", words);
    }
  }
});

test.each<[string, readonly string[], string[]]>([
  ["eBPF, rules beside it", EBPF, capabilitiesFor("ebpf", "ebpf-load", "iptables")],
  ["iptables", IPTABLES.nft, NEEDED.nft],
])("connections, sockets and networks that are there: %s", async (_title, engine, needed) => {
  await using world = await startDnsWorld();
  const server = await world.serve(["10.66.0.2:8080"], REMOTE);
  const held = await HeldConnections.open(world, "10.66.0.2:8080");
  const asker = await Asker.open(world, "10.66.0.2", "v4", "connected");
  const before = await kernelState(world);
  const flags = [...engine, DNS, "--vnet", "docker0:172.17.0.0/16"];
  const { exitCode, stderr } = await run(world, needed, world.installArguments(...flags));
  expect(exitCode, stderr).toBe(0);
  if (engine === EBPF) {
    expect(stderr).toMatch(/note: 1 UDP socket was connected .*: disconnected/);
    expect(await asker.ask()).toEqual({ listeners: [], error: "EDESTADDRREQ" });
  }
  await must(world, needed, ["status"]);
  await must(world, needed, ["uninstall"]);
  await held.expectUntouched();
  await server.stop();
  await expectState(world, before);
});

test("eBPF that falls back says what both lack", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  const args = world.installArguments("--engine=auto");
  const words = [
    /neither engine works here: the eBPF engine lacks CAP_NET_ADMIN/,
    /the iptables engine lacks CAP_NET_ADMIN/,
  ];
  expectFailure(await run(world, [], args), "ENGINE_UNAVAILABLE", ...words);
  await expectState(world, before);
});

test("verify, doctor and proxy", async () => {
  await using world = await World.create();
  const config = [DNS, "--kuma-dp-user", String(PROXY_UID), "--ebpf-cgroup-path", world.cgroup];
  const before = await kernelState(world);
  const doctor = await run(world, [], ["doctor", ...EBPF, ...config, "--json"]);
  expect(doctor.exitCode).toBe(1);
  for (const name of ["NET_ADMIN", "BPF", "PERFMON", "SYS_ADMIN"])
    expect(doctor.stdout).toContain(`CAP_${name}`);
  await expectState(world, before);
  await world.install(DNS);
  const all = capabilitiesFor("ebpf", "iptables", "other-users");
  // Without one that verify would like to have it does what root can: setuid, setgid; nor does it kill anybody by force.
  for (const without of ["", "setuid", "setgid"])
    await must(
      world,
      all.filter((name) => name !== without),
      ["verify"],
    );
  await world.uninstall();
  for (const without of ["setuid", "setgid"]) {
    const rest = capabilitiesFor("other-users").filter((name) => name !== without);
    const proxy = await run(world, rest, ["proxy", "--user", String(PROXY_UID)]);
    expectFailure(proxy, "PROXY_FAILED", new RegExp(`CAP_${without.toUpperCase()}`));
  }
  await expectState(world, before);
});
