// What a killed command left may intercept already, and be all that does: whatever comes next takes its place without a gap,
// and nothing of it stays.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Scratch } from "../native/support.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, TPROXYCTL, World } from "../support/world.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { EBPF, IPTABLES, REMOTE, WAYS } from "./engines.ts";
import { callsOf, everyForm, injected, killBeforeRename, numbersOf } from "./inject.ts";
import { expectFailure, expectInbound, expectInterception, intactStatus, worldWithProxy } from "./support.ts";

async function streamsTo(world: World): Promise<ConnectionStream[]> {
  const ways = [...WAYS, ["10.66.0.1:8080", { uid: PROXY_UID }]] as const;
  return Promise.all(ways.map(([to, options]) => ConnectionStream.start(world, to, options)));
}

const passthrough = async (world: World) =>
  /inet6 ::6\/128/.test(await world.ip("service", "addr", "show", "lo"));

test.each([
  ["eBPF", [...EBPF, "--exclude-outbound-ports", "22"]],
  ["eBPF, other ports", [...EBPF, "--redirect-outbound-port", "16001", "--redirect-inbound-port", "16006"]],
  ["eBPF, turned ports", [...EBPF, "--redirect-outbound-port", "15006", "--redirect-inbound-port", "15001"]],
  ["iptables", IPTABLES.nft],
])("all of it attached, then %s", async (_title, flags) => {
  await using world = await World.create();
  const ports = [15001, 15006, 16001, 16006];
  await world.startProxy({ listen: ports.flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]) });
  const before = await kernelState(world);
  world.defer(() => world.tproxyctl(["uninstall"]));
  await killBeforeRename(world);
  const streams = await streamsTo(world);
  await world.install(...flags);
  for (const each of streams) await each.more(3);
  expect((await Promise.all(streams.map((each) => each.stop()))).flat()).toEqual([]);
  expect((await intactStatus(world)).engine).toBe(flags[0] === "--engine=ebpf" ? "ebpf" : "iptables");
  await world.uninstall();
  await expectState(world, before);
});

test("over rules that stay until it is whole: ::6 is theirs as long", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const calls = await callsOf(world, EBPF);
  const [, , third = 0] = numbersOf(calls, "BPF_LINK_CREATE");
  await world.install(...IPTABLES.nft);
  expect(await passthrough(world)).toBe(true);
  expect((await injected(world, "bpf", "signal=KILL", third, EBPF)).exitCode).not.toBe(0);
  expect(await passthrough(world)).toBe(true);
  const failed = await injected(world, "rename", "error=EIO", 1, EBPF);
  expect(failed.exitCode, failed.stderr).toBe(1);
  expect(await passthrough(world)).toBe(true);
  await world.install(...EBPF);
  await expectInterception(world);
  await intactStatus(world);
  await world.uninstall();
  await expectState(world, before);
});

test("::6 is there before IPv6 comes in", async () => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  const calls = await callsOf(world, EBPF);
  await world.uninstall();
  const [first = 0] = numbersOf(calls, "BPF_LINK_CREATE");
  await injected(world, "bpf", "signal=KILL", first, EBPF);
  expect(await passthrough(world)).toBe(true);
  await world.uninstall();
  await expectState(world, before);
});

test("a listener that was half made known is made known by the next one", async () => {
  await using world = await World.create();
  await world.startProxy({ listen: ["0.0.0.0:15001", "0.0.0.0:15006", "0.0.0.0:16006"] });
  const other = ["--redirect-inbound-port", "16006"];
  await world.install();
  const calls = await callsOf(world, other);
  // The answering programs are replaced, then the listeners are made known, then what redirects is replaced.
  const updates = numbersOf(calls, "BPF_LINK_UPDATE");
  const from = updates[0] ?? 0;
  const steps = numbersOf(calls, "BPF_MAP_UPDATE_ELEM").filter(
    (each) => each > from && each < (updates.at(-1) ?? 0),
  );
  expect(steps.length).toBeGreaterThanOrEqual(3);
  for (const step of steps) {
    await world.uninstall();
    await world.install();
    expect((await injected(world, "bpf", "signal=KILL", step, other)).exitCode).not.toBe(0);
    await world.install(...other);
    await expectInbound(world, "v4", 16006);
  }
});

test("pins are found wherever they are: beside those of another namespace, and below", async () => {
  await using world = await World.create();
  const before = await kernelState(world);
  const pods = join(world.bpffs, "pods");
  const deep = join(world.bpffs, "a/b/c/d");
  for (const path of [pods, deep]) mkdirSync(path, { recursive: true });
  const inRemote = (args: readonly string[]) => world.run([TPROXYCTL, ...args], REMOTE);
  expect((await inRemote(world.installArguments())).exitCode).toBe(0);
  const theirs = await kernelState(world);
  const there = ["--ebpf-bpffs-path", pods];
  await world.install(...there);
  expect((await intactStatus(world)).pins.startsWith(`${pods}/`)).toBe(true);
  await world.uninstall();
  await expectState(world, theirs);

  // Two places, and killed when the second one counts.
  await world.install();
  const calls = await callsOf(world, there);
  await world.install();
  const [detach = calls.length] = numbersOf(calls, "BPF_LINK_DETACH");
  await injected(world, "unlink", "signal=KILL", 1, there);
  expect(detach).toBeGreaterThan(0);
  expect((await world.status()).exitCode).toBe(2);
  await world.uninstall();
  await expectState(world, theirs);
  expect((await inRemote(["uninstall"])).exitCode).toBe(0);

  for (const path of [deep, join(world.bpffs, "tproxyctl")]) {
    // With something in it: an empty home goes with whichever installation comes next, of other tests, too.
    mkdirSync(join(path, "kept"), { recursive: true, mode: 0o700 });
    const refused = await world.tproxyctl(world.installArguments("--ebpf-bpffs-path", path));
    expectFailure(
      refused,
      "CONFIG_INVALID",
      /--ebpf-bpffs-path: .*(3 directories below|below a directory tproxyctl)/,
    );
  }
  expect(Object.keys(before).length).toBeGreaterThan(0);
});

test("a first installation that fails late lets the proxy be told of what it redirected", async () => {
  await using world = await World.create();
  const proxy = await world.startProxy();
  const before = await kernelState(world);
  using scratch = new Scratch();
  const log = join(scratch.path, "strace");
  const lines = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n") : []);
  const strace = ["strace", "-f", "-o", log, "-e", `trace=bpf,${everyForm("rename")}`];
  const inject = ["-e", `inject=${everyForm("rename")}:error=EIO:signal=STOP:when=1`];
  const failing = world.run([...strace, ...inject, TPROXYCTL, ...world.installArguments()], {
    cgroup: false,
  });
  const stopped = () =>
    lines().flatMap((line) => /^(\d+) +--- stopped by SIGSTOP ---$/.exec(line)?.[1] ?? [])[0];
  await expect.poll(stopped, { timeout: 20_000, interval: 20 }).toBeDefined();
  proxy.child.kill("SIGSTOP");
  const connection = world.connect("10.66.0.2:8080");
  try {
    // Established (01) with port 15001 (3A99), and not accepted.
    const sockets = async () => (await world.run(["cat", "/proc/net/tcp"], { cgroup: false })).stdout;
    await expect.poll(sockets, { timeout: 10_000, interval: 20 }).toMatch(/:3A99 \S+ 01 /);
    process.kill(Number(stopped()), "SIGCONT");
    // connect4, connect6 and sk_lookup: nothing redirects any more.
    const detached = () => lines().filter((line) => line.includes("BPF_LINK_DETACH")).length;
    await expect.poll(detached, { timeout: 10_000, interval: 20 }).toBeGreaterThanOrEqual(3);
  } finally {
    proxy.child.kill("SIGCONT");
  }
  expect(await connection).toMatchObject({ ok: true, server: { origdst: "10.66.0.2:8080" } });
  expect((await failing).exitCode).toBe(1);
  await expectState(world, before);
});
