// An installation of another version, older or newer: recognised, shown, replaced without a gap, removed; and the same the
// other way round. The other version is a real one: test/support/other-version.ts.

import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BpfLink } from "../../src/bpf/link.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { FAR, NEXT, OtherVersion } from "../support/other-version.ts";
import { PROXY_UID, type Result, TPROXYCTL, World } from "../support/world.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { Agent } from "./crash/agent.ts";
import { Killer } from "./crash/scene.ts";
import { holdAll, IPTABLES, REMOTE } from "./engines.ts";
import { callsOf, injected, numbersOf } from "./inject.ts";
import { expectInterception, type Status, worldWithProxy } from "./support.ts";

let near: OtherVersion;
let far: OtherVersion;

beforeAll(async () => {
  near = await OtherVersion.build(NEXT.version, NEXT.patches);
  far = await OtherVersion.build(FAR.version, FAR.patches);
}, 600_000);

afterAll(() => {
  near?.[Symbol.dispose]();
  far?.[Symbol.dispose]();
});

async function succeed(world: World, program: string, args: readonly string[]): Promise<Result> {
  const result = await world.run([program, ...args], { cgroup: false });
  expect(result.exitCode, `${program} ${args.join(" ")}\n${result.stderr}`).toBe(0);
  return result;
}

const install = (world: World, program: string, ...flags: readonly string[]) =>
  succeed(world, program, world.installArguments(...flags));

async function statusBy(world: World, program: string) {
  const { stdout, exitCode } = await world.run([program, "status", "--json"], { cgroup: false });
  return {
    exitCode,
    status: JSON.parse(stdout) as Status & { readonly record: { readonly version: string } },
  };
}

const TC = ["--ebpf-tc-attach-iface", "eth0"] as const;

test("of another layout, another format, other pins and other counters, there and back", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await install(world, far.program, ...TC);
  await expectInterception(world);
  const first = await statusBy(world, TPROXYCTL);
  expect(first).toMatchObject({ exitCode: 0, status: { engine: "ebpf", record: { version: "7.0.0" } } });
  expect(first.status.connections).toMatchObject({ outboundRedirected: 2, inboundRedirected: 2 });
  expect(first.status.hooks.map(({ state }) => state)).toEqual(new Array(8).fill("attached"));
  const held = await holdAll(world);
  const streams = await Promise.all([
    ConnectionStream.start(world, "10.66.0.2:8080"),
    ConnectionStream.start(world, "[fd66::2]:8080"),
    ConnectionStream.start(world, "10.66.0.1:8080", REMOTE),
    ConnectionStream.start(world, "[fd66::1]:8080", REMOTE),
  ]);

  const there = await install(world, TPROXYCTL);
  expect(there.stdout).toContain("changed in place");
  expect(there.stderr).toMatch(
    /note: tproxyctl 7\.0\.0 remembers connections in another form: .*getpeername/,
  );
  const second = await statusBy(world, far.program);
  expect(second.status.record.version).not.toBe("7.0.0");
  expect(second.exitCode, JSON.stringify(second.status)).toBe(0);
  // What was counted goes on, under the same names at other places.
  const { outboundRedirected = 0, inboundRedirected = 0 } = second.status.connections;
  expect(outboundRedirected).toBeGreaterThanOrEqual(4);
  expect(inboundRedirected).toBeGreaterThanOrEqual(4);
  for (const stream of streams) await stream.more(5);

  const back = await install(world, far.program, "--redirect-outbound-port", "15001", ...TC);
  expect(back.stdout).toContain("changed in place");
  for (const stream of streams) await stream.more(5);
  expect((await Promise.all(streams.map((each) => each.stop()))).flat()).toEqual([]);
  for (const each of held) await each.expectAlive();
  await succeed(world, TPROXYCTL, ["uninstall"]);
  await expectState(world, before);

  await install(world, TPROXYCTL);
  await succeed(world, far.program, ["uninstall"]);
  await expectState(world, before);
});

test("of the same layout: all that is known of connections is kept", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await install(world, near.program);
  const [held] = await holdAll(world);
  const shown = await statusBy(world, TPROXYCTL);
  expect(shown).toMatchObject({ exitCode: 0, status: { record: { version: "0.1.99" } } });
  const maps = (await kernelState(world)).maps?.filter((line) =>
    /tp_(sockets|handshakes|counters)/.test(line),
  );
  const { stderr } = await install(world, TPROXYCTL);
  expect(stderr).not.toMatch(/note:.*another form/);
  const now = (await kernelState(world)).maps?.filter((line) =>
    /tp_(sockets|handshakes|counters)/.test(line),
  );
  expect(now).toEqual(maps);
  await held?.expectAlive();
  await succeed(world, near.program, ["uninstall"]);
  await expectState(world, before);
});

function detach(id: number | undefined): void {
  using link = BpfLink.byId(id ?? 0);
  link?.detach();
}

test("of which a part is gone: it is said, and the next install replaces it", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await install(world, far.program);
  const { status } = await statusBy(world, TPROXYCTL);
  detach(status.hooks.find(({ hook }) => hook.hook === "connect6")?.linkId);
  expect((await statusBy(world, TPROXYCTL)).exitCode).toBe(2);
  await install(world, TPROXYCTL);
  await expectInterception(world);
  expect((await statusBy(world, TPROXYCTL)).exitCode).toBe(0);
  await world.uninstall();
  await expectState(world, before);
});

test("of the iptables engine, rules without comments too", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const flags = [...IPTABLES.nft, "--disable-comments", "--drop-invalid-packets"];
  await install(world, far.program, ...flags);
  const shown = await statusBy(world, TPROXYCTL);
  expect(shown).toMatchObject({ exitCode: 0, status: { engine: "iptables", record: { version: "7.0.0" } } });
  const changed = await install(world, TPROXYCTL, ...flags, "--exclude-outbound-ports", "22");
  expect(changed.stdout).toContain("changed in place");
  expect(await statusBy(world, far.program)).toMatchObject({ exitCode: 0, status: { engine: "iptables" } });
  await install(world, far.program, ...flags);
  await install(world, TPROXYCTL);
  await expectInterception(world);
  await install(world, far.program, ...flags);
  await succeed(world, TPROXYCTL, ["uninstall"]);
  await expectState(world, before);
});

test("a change of version that fails at whichever step leaves all as it was", async () => {
  await using world = await worldWithProxy();
  const clean = await kernelState(world);
  const flags = ["--redirect-dns", ...TC];
  await install(world, far.program, ...TC);
  const calls = await callsOf(world, flags);
  const again = async () => {
    await install(world, far.program, ...TC);
    return kernelState(world);
  };
  const before = await again();
  const pins = numbersOf(calls, "BPF_OBJ_PIN");
  const steps = [
    ...numbersOf(calls, "BPF_LINK_CREATE"),
    ...numbersOf(calls, "BPF_LINK_UPDATE"),
    ...[pins[0], pins[8], pins.at(-1)],
  ];
  // Answering programs, sk_lookup and sendmsg beside; connect and tc in their place.
  expect(numbersOf(calls, "BPF_LINK_CREATE").length).toBeGreaterThanOrEqual(9);
  expect(numbersOf(calls, "BPF_LINK_UPDATE").length).toBe(3);
  for (const step of steps) {
    const { exitCode, stderr } = await injected(world, "bpf", "error=ENOMEM", step ?? 0, flags);
    expect(exitCode, `${step} ${calls[(step ?? 0) - 1]}: ${stderr}`).toBe(1);
    expect(stderr).not.toMatch(/could not take back|a bug/);
    await expectState(world, before);
  }
  expect((await injected(world, "rename", "error=EIO", 1, flags)).exitCode).toBe(1);
  await expectState(world, before);
  await expectInterception(world);
  await world.uninstall();
  await expectState(world, clean);
}, 600_000);

/** Programs of both are there for a while. */
test("killed wherever it changes something, a change of version is set right by the next command", async () => {
  await using agent = await Agent.create((world) => world.startProxy());
  const killer = await Killer.create(agent, {
    title: "a change of version",
    commands: (world) => ({
      first: { args: world.installArguments(...TC), program: far.program },
      killed: { args: world.installArguments("--redirect-dns", ...TC) },
    }),
  });
  expect(await killer.killEverywhere()).toBeGreaterThan(50);
}, 600_000);

test("in another cgroup, while both are there: the proxy's own connections are redirected once", async () => {
  await using world = await World.create();
  const child = join(world.cgroup, "child");
  mkdirSync(child);
  world.defer(async () => rmdirSync(child));
  await world.startProxy({ cgroup: child });
  await install(world, far.program);
  const flags = ["--ebpf-cgroup-path", child];
  const calls = await callsOf(world, flags);
  await install(world, far.program);
  // All of the new one is there, and all of the old one still.
  const [detached = 0] = numbersOf(calls, "BPF_LINK_DETACH");
  await injected(world, "bpf", "signal=KILL", detached, flags);
  const options = { uid: PROXY_UID, cgroup: child };
  for (const own of ["10.66.0.1:8080", "[fd66::1]:8080"])
    expect(await world.connect(own, options)).toMatchObject({ ok: true, server: { origdst: own } });
  await world.uninstall();
});
