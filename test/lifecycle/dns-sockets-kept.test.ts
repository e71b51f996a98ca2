// UDP sockets that are right as they are, and what becomes of the rest where looking for the others goes wrong.

import { mkdirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HOME, RECORD_PIN } from "../../src/engine/ebpf/pin-directory.ts";
import { readRecord, writeRecord } from "../../src/engine/ebpf/record.ts";
import { startDnsWorld } from "../conformance/dns-world.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, TPNET, TPROXYCTL, World } from "../support/world.ts";
import { type Asked, Asker } from "./asker.ts";
import { everyForm } from "./inject.ts";
import { intactStatus } from "./support.ts";

const ALL_DNS = "--redirect-all-dns-traffic";
const OTHER_PORT = ["--redirect-dns-port", "25053"];
const SERVER = "10.66.0.2";
const PROXY = "127.0.0.1:15053";
const DISCONNECTED: Asked = { listeners: [], error: "EDESTADDRREQ" };

const answeredBy = (listener: string): Asked => ({ listeners: [listener], error: "" });
const open = (world: World, address: string, options = {}) =>
  Asker.open(world, address, "v4", "connected", options);

describe("the same installation again", () => {
  test("leaves a socket alone that another user made than connected it", async () => {
    await using world = await startDnsWorld();
    const flags = [ALL_DNS, "--exclude-outbound-ports-for-uids", "udp:53:2000"];
    await world.install(...flags);
    const asker = await open(world, SERVER, { uid: 0, flags: ["--connect-uid", "2000"] });
    expect((await world.install(...flags)).stderr).not.toContain("UDP socket");
    expect(await asker.ask()).toEqual(answeredBy(`${SERVER}:53`));
    expect((await world.install(...flags, ...OTHER_PORT)).stderr).toContain("note: 1 UDP socket was");
    expect(await asker.ask()).toEqual(DISCONNECTED);
  });

  test("leaves a socket alone that went past the DNS proxy while it was down, and so does a change", async () => {
    // Without a DNS proxy; the name server alone.
    await using world = await worldWithServer();
    const flags = [ALL_DNS, "--when-proxy-down=bypass"];
    await world.install(...flags);
    const asker = await open(world, SERVER);
    for (const more of [[], OTHER_PORT]) {
      expect((await world.install(...flags, ...more)).stderr).not.toContain("UDP socket");
      expect(await asker.ask()).toEqual(answeredBy(`${SERVER}:53`));
    }
    expect((await world.install(ALL_DNS)).stderr).toContain("note: 1 UDP socket was");
    expect(await asker.ask()).toEqual(DISCONNECTED);
  });
});

describe("a socket that nobody can look into", () => {
  const blind = { dropCapabilities: ["sys_ptrace"] };

  test.each([
    ["uninstall", (world: World) => world.tproxyctl(["uninstall"], blind)],
    ["install", (world: World) => world.tproxyctl(world.installArguments(ALL_DNS, ...OTHER_PORT), blind)],
  ] as const)("is disconnected by %s only in the cgroup", async (_command, run) => {
    await using world = await startDnsWorld();
    await world.install(ALL_DNS);
    const inside = await open(world, SERVER);
    const outside = await open(world, PROXY, { cgroup: false });
    expect(succeeded(await run(world)).stderr).toContain("note: 1 UDP socket was");
    expect(await inside.ask()).toEqual(DISCONNECTED);
    expect(await outside.ask()).toEqual(answeredBy(PROXY));
  });

  test("is judged by the cgroup of the installation that redirected it", async () => {
    await using world = await startDnsWorld();
    const other = join(world.cgroup, "other");
    mkdirSync(other);
    world.defer(async () => rmdirSync(other));
    const narrow = ["--ebpf-cgroup-path", other];
    await world.install(ALL_DNS, ...narrow);
    const inside = await open(world, SERVER, { cgroup: other });
    const own = await open(world, PROXY);
    const command = world.installArguments(ALL_DNS, ...OTHER_PORT);
    expect(succeeded(await world.tproxyctl(command, blind)).stderr).toContain("note: 1 UDP socket was");
    expect(await inside.ask()).toEqual(DISCONNECTED);
    expect(await own.ask()).toEqual(answeredBy(PROXY));
  });

  test.each([
    ["uninstall", (world: World) => world.tproxyctl(["uninstall"], blind)],
    ["install", (world: World) => world.tproxyctl(world.installArguments(), blind)],
  ] as const)("is left alone by %s where an older version installed", async (_command, run) => {
    await using world = await startDnsWorld();
    await world.install();
    await forgetPlan(world);
    const asker = await open(world, PROXY);
    expect(succeeded(await run(world)).stderr).not.toContain("UDP socket");
    expect(await asker.ask()).toEqual(answeredBy(PROXY));
  });
});

describe("killed while looking at sockets", () => {
  test.each([
    ["install", (world: World) => world.install(ALL_DNS, ...OTHER_PORT)],
    ["another install", (world: World) => world.install()],
    ["uninstall", (world: World) => world.uninstall()],
  ] as const)("%s releases those of the installation before", async (_command, run) => {
    await using world = await startDnsWorld();
    const inner = await innerCgroup(world);
    const before = await kernelState(world);
    await world.install(ALL_DNS);
    const asker = await open(world, SERVER);
    const command = [TPROXYCTL, ...world.installArguments(ALL_DNS, ...OTHER_PORT)];
    world.defer(() => world.tproxyctl(["uninstall"]));
    const killed = await inject(world, inner, "statx:signal=KILL", command);
    expect(killed.exitCode, killed.stderr).not.toBe(0);
    expect(killed.stderr).not.toMatch(/error:/);
    expect(directories(world)).toEqual([
      expect.stringMatching(/^netns-.*-1$/),
      expect.stringMatching(/^netns-.*-2$/),
    ]);
    await run(world);
    expect(await asker.ask()).toEqual(DISCONNECTED);
    await world.uninstall();
    await expectState(world, before);
  });
});

describe("killed before its last step: its programs are there, its record is not in force", () => {
  test.each([
    ["install", (world: World) => world.install(ALL_DNS)],
    ["uninstall", (world: World) => world.uninstall()],
  ] as const)("%s releases those that it redirected", async (_command, run) => {
    await using world = await startDnsWorld();
    await world.install(ALL_DNS);
    world.defer(() => world.tproxyctl(["uninstall"]));
    const command = [TPROXYCTL, ...world.installArguments(ALL_DNS, ...OTHER_PORT)];
    const [current = ""] = directories(world);
    const staging = current.replace(/^netns-(.*)-1$/, "staging-$1-2");
    const killed = await inject(
      world,
      join(world.bpffs, HOME, staging),
      `${everyForm("rename")}:signal=KILL`,
      command,
    );
    expect(killed.exitCode, killed.stderr).not.toBe(0);
    expect(directories(world)).toEqual([
      expect.stringMatching(/^netns-.*-1$/),
      expect.stringMatching(/^staging-.*-2$/),
    ]);
    const asker = await open(world, SERVER);
    expect(await asker.ask()).toEqual(answeredBy("127.0.0.1:25053"));
    expect((await run(world)).stderr).toContain("note: 1 UDP socket was");
    expect(await asker.ask()).toEqual(DISCONNECTED);
  });
});

describe("what fails while looking at sockets does not keep the rest from being done", () => {
  test("install", async () => {
    await using world = await startDnsWorld();
    const inner = await innerCgroup(world);
    const before = await kernelState(world);
    await world.install(ALL_DNS, "--ebpf-tc-attach-iface", "eth0");
    await open(world, SERVER);
    const command = [TPROXYCTL, ...world.installArguments(ALL_DNS, ...OTHER_PORT)];
    const { stderr } = succeeded(await inject(world, inner, "statx:error=EIO", command));
    expect(stderr).toMatch(
      /note: all else is done, but .* failed: cannot look at the cgroups: EIO.*restart it/,
    );
    expect(directories(world)).toEqual([expect.stringMatching(/^netns-.*-2$/)]);
    await intactStatus(world);
    await world.uninstall();
    await expectState(world, before);
  });

  test("uninstall", async () => {
    await using world = await startDnsWorld();
    const before = await kernelState(world);
    await world.install(ALL_DNS);
    const asker = await open(world, SERVER);
    const path = `/proc/${asker.pid}/fd`;
    const command = [TPROXYCTL, "uninstall"];
    const { stderr } = succeeded(await inject(world, path, "openat:error=EIO", command));
    expect(stderr).toMatch(/note: all else is done, but .* failed: cannot look for the process .*restart it/);
    await expectState(world, before);
  });
});

async function worldWithServer(): Promise<World> {
  const world = await World.create();
  const serve = [TPNET, "dns-serve", "--listen", `${SERVER}:53`, "--hold", "20"];
  await world.start(serve, { host: "remote", cgroup: false });
  return world;
}

/** Looked at by nothing but the search for sockets. */
async function innerCgroup(world: World): Promise<string> {
  const inner = join(world.cgroup, "inner");
  mkdirSync(inner);
  world.defer(async () => rmdirSync(inner));
  return inner;
}

/** Has a system call with this path go wrong. */
function inject(world: World, path: string, how: string, command: readonly string[]): Promise<Result> {
  const [call] = how.split(":");
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", path, "-e", `trace=${call}`];
  return world.run([...strace, "-e", `inject=${how}`, ...command], { cgroup: false });
}

function succeeded(result: Result): Result {
  expect(result.exitCode, result.stderr).toBe(0);
  return result;
}

/** Of the pins, by name. */
function directories(world: World): string[] {
  return readdirSync(join(world.bpffs, HOME)).sort();
}

/** As if a version had installed that kept no plan. */
async function forgetPlan(world: World): Promise<void> {
  const [current = ""] = directories(world);
  const path = join(world.bpffs, HOME, current, RECORD_PIN);
  const { plan: _plan, ...record } = readRecord(path);
  unlinkSync(path);
  using map = writeRecord(record);
  map.pin(path);
}
