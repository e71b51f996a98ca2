// What Kuma's eBPF engine and merbridge leave is found and removed, and nothing else. All of it is made for real, by
// the names, kinds and sizes of theirs, on a cgroup, a bpffs and an interface of the test's own.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";
import { Scratch } from "../native/support.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { type Result, type Running, TPROXYCTL, type World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

const SOURCE = fileURLToPath(new URL("fixtures/leftovers.bpf.c", import.meta.url));

/** Name of the program, its attach type to bpftool. */
const AT_CGROUP = [
  ["mb_sock_connect4", "connect4"],
  ["mb_sendmsg4", "sendmsg4"],
  ["mb_sockops", "sock_ops"],
  ["mb_recvmsg4", "recvmsg4"],
  ["mb_get_sockopt", "getsockopt"],
] as const;

const MAPS = [
  "cookie_orig_dst",
  "local_pod_ips",
  "netns_pod_ips",
  "pair_orig_dst",
  "process_ip",
  "sock_pair_map",
] as const;

/** A world whose leftovers nobody else sees: neither its cgroup, nor any bpffs but its own, is shared. */
class Scene implements AsyncDisposable {
  readonly world: World;
  readonly mounts: PrivateMounts;
  readonly #scratch = new Scratch();
  /** Where the world's cgroup is the root of all. */
  readonly #root: string;

  private constructor(world: World, mounts: PrivateMounts, root: string) {
    this.world = world;
    this.mounts = mounts;
    this.#root = root;
  }

  static async create(): Promise<Scene> {
    const world = await worldWithProxy();
    await world.addHost("second", "eth1", 1);
    for (const name of ["kuma", "merbridge"]) {
      mkdirSync(join(world.cgroup, name));
      world.defer(async () => rmdirSync(join(world.cgroup, name)));
    }
    for (const device of ["eth0", "eth1"])
      await world.run(["tc", "qdisc", "add", "dev", device, "clsact"], { cgroup: false });
    const mounts = await PrivateMounts.create(world);
    const root = join(world.cgroup, "..");
    const scene = new Scene(world, mounts, root);
    const others = `grep -E ' bpf ' /proc/self/mounts | cut -d' ' -f2 | grep -vx ${world.bpffs} | xargs -r umount -l`;
    await mounts.mustRun("sh", "-c", `${others}; mount --bind ${world.cgroup} ${root}`);
    return scene;
  }

  tproxyctl(...args: readonly string[]): Promise<Result> {
    return this.mounts.tproxyctl(args);
  }

  cgroupFlags(): string[] {
    return ["--ebpf-cgroup-path", this.#root, "--ebpf-bpffs-path", this.world.bpffs];
  }

  /** Answers on a terminal. */
  answer(text: string): Promise<Result> {
    const command = `${TPROXYCTL} uninstall --leftovers`;
    return this.mounts.run(["script", "-qec", command, "/dev/null"], { input: `${text}\n` });
  }

  /** Shows the question on a terminal, below what it is about, and leaves it open. */
  ask(lastLine: string): Promise<Running> {
    const inside = ["nsenter", `--mount=/proc/${this.mounts.pid}/ns/mnt`, "--"];
    const command = ["script", "-qec", `${TPROXYCTL} uninstall --leftovers`, "/dev/null"];
    const isReady = (line: string) => line === lastLine;
    return this.world.start([...inside, ...command], { cgroup: false, isReady });
  }

  /** Loads programs and pins all that is in them: `<directory>/prog/<name>`, `<directory>/<map>`. */
  async load(directory: string, ...flags: readonly string[]): Promise<void> {
    const object = join(this.#scratch.path, `${flags.length}.bpf.o`);
    const headers = ["-isystem", `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`];
    execFileSync("clang", ["-target", "bpf", "-O2", "-g", ...headers, ...flags, "-c", SOURCE, "-o", object]);
    mkdirSync(directory, { recursive: true });
    await execa("bpftool", ["prog", "loadall", object, join(directory, "prog"), "pinmaps", directory]);
  }

  async attach(cgroup: string, type: string, pin: string, ...flags: readonly string[]): Promise<void> {
    await execa("bpftool", ["cgroup", "attach", cgroup, type, "pinned", pin, ...flags]);
  }

  async addFilter(direction: string, priority: number, pin: string, device = "eth0"): Promise<void> {
    const where = ["filter", "add", "dev", device, direction, "prio", String(priority)];
    const { exitCode, stderr } = await this.world.run(
      ["tc", ...where, "bpf", "direct-action", "object-pinned", pin],
      { cgroup: false },
    );
    expect(exitCode, stderr).toBe(0);
  }

  /** As Kuma leaves a node, on one cgroup of its own, and as merbridge does with others beside it on another one. */
  async leave(): Promise<void> {
    const { bpffs } = this.world;
    const programs = join(bpffs, "prog");
    await this.load(bpffs);
    for (const [name, type] of AT_CGROUP) {
      await this.attach(this.cgroup("kuma"), type, join(programs, name));
      await this.attach(this.cgroup("merbridge"), type, join(programs, name), "multi");
    }
    const message = ["pinned", join(programs, "mb_msg_redir"), "msg_verdict"];
    await execa("bpftool", ["prog", "attach", ...message, "pinned", join(bpffs, "sock_pair_map")]);
    for (const direction of ["ingress", "egress"])
      await this.addFilter(direction, 66, join(programs, `mb_tc_${direction}`));
    mkdirSync(join(bpffs, "connect"));
    const show = await execa("bpftool", ["-j", "prog", "show", "pinned", join(programs, "mb_sock_connect4")]);
    const id = String(JSON.parse(show.stdout).id);
    await execa("bpftool", ["prog", "pin", "id", id, join(bpffs, "connect/cgroup_connect4")]);
  }

  /** Somebody's, with the same names: they use another map, or stand at another priority. */
  async addForeign(): Promise<void> {
    const directory = join(this.world.bpffs, "theirs");
    const programs = join(directory, "prog");
    await this.load(directory, "-DFOREIGN");
    for (const name of ["mb_sock_connect6", "somebodys"])
      await this.attach(this.cgroup("merbridge"), "connect6", join(programs, name), "multi");
    await this.addFilter("ingress", 66, join(programs, "mb_tc_ingress"), "eth1");
    await this.addFilter("egress", 7, join(programs, "mb_tc_ingress"), "eth1");
  }

  cgroup(name: string): string {
    return join(this.world.cgroup, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#scratch[Symbol.dispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

interface Others {
  readonly leftovers: readonly { readonly kind: string; readonly what: string; readonly remedy: string }[];
  readonly programs: readonly { readonly name: string; readonly place: string }[];
}

async function doctor(scene: Scene): Promise<Others> {
  const { stdout } = await scene.tproxyctl(
    "doctor",
    "--json",
    "--kuma-dp-user",
    "5678",
    ...scene.cgroupFlags(),
  );
  return JSON.parse(stdout).others as Others;
}

test("is found and removed, and nothing else", async () => {
  await using scene = await Scene.create();
  const { world } = scene;
  await world.install();
  await scene.addForeign();
  const before = await kernelState(world);
  expect(await doctor(scene)).toMatchObject({ leftovers: [] });
  expect(await scene.tproxyctl("uninstall", "--leftovers")).toMatchObject({
    exitCode: 0,
    stdout: "# nothing of Kuma's eBPF engine or of merbridge is left here",
  });

  await scene.leave();
  const left = await kernelState(world);
  const { leftovers, programs } = await doctor(scene);
  const kinds = Map.groupBy(leftovers, ({ kind }) => kind);
  expect(Object.fromEntries([...kinds].map(([kind, each]) => [kind, each.length]))).toEqual({
    "cgroup-program": 2 * AT_CGROUP.length,
    "socket-map-program": 1,
    filter: 2,
    // Each map and program, and the program that connects once more.
    pin: MAPS.length + 8 + 1,
  });
  for (const { what, remedy } of leftovers) {
    expect(what).toMatch(/mb_|orig_dst|pod_ips|process_ip|sock_pair_map/);
    expect(remedy).toContain("tproxyctl uninstall --leftovers");
  }
  expect(programs.map(({ name, place }) => `${name} ${place}`)).toEqual([
    "mb_tc_ingress tc ingress on eth1, priority 66",
    "mb_tc_ingress tc egress on eth1, priority 7",
  ]);
  const text = await scene.tproxyctl("doctor", "--kuma-dp-user", "5678", ...scene.cgroupFlags());
  expect(text.stdout).toMatch(
    /^left by Kuma's eBPF engine, .*\n {2}- mb_sock_connect \(program \d+\), connect4/m,
  );
  expect(text.stdout).toMatch(/^not ours: /m);

  const refused = await scene.tproxyctl("uninstall", "--leftovers", "--verbose");
  expectFailure(refused, "CONFIRMATION_NEEDED", /^mb_sock_connect \(program/m, /--leftovers --yes/);
  const dry = await scene.tproxyctl("uninstall", "--leftovers", "--dry-run");
  expect(dry.stdout.split("\n")).toEqual([
    expect.stringContaining("dry run"),
    ...leftovers.map(({ what }) => what),
  ]);
  const declined = await scene.answer("no");
  expect(declined).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("nothing was removed") });
  await expectState(world, left);

  // While it waits for the answer others have the lock, one comes that was not shown, and somebody's takes a place.
  const asked = await scene.ask(leftovers.at(-1)?.what ?? "");
  const answered = once(asked.child, "close");
  expectFailure(await scene.tproxyctl("confirm"), "NOTHING_TO_CONFIRM");
  const late = join(world.bpffs, "late");
  await execa("bpftool", ["prog", "pin", "pinned", join(world.bpffs, "prog/mb_sockops"), late]);
  const place = ["dev", "eth0", "ingress", "prio", "66"];
  const theirs = ["bpf", "direct-action", "object-pinned", join(world.bpffs, "theirs/prog/mb_tc_ingress")];
  const tc = (...args: readonly string[]) => world.run(["tc", "filter", ...args], { cgroup: false });
  expect(await tc("replace", ...place, "handle", "1", ...theirs)).toMatchObject({ exitCode: 0 });
  asked.child.stdin?.write("y\n");
  await answered;
  expect(asked.child.exitCode).toBe(1);
  expect(asked.lines).toContain(`# removed what others left: ${leftovers.length - 1}`);
  expect(asked.lines.join("\n")).toMatch(/these were not there when it was asked: the pin \S+\/late /);
  expect((await doctor(scene)).leftovers).toMatchObject([{ kind: "pin" }]);
  expect((await tc("show", ...place)).stdout).toContain("mb_tc_ingress");
  expect(await tc("del", ...place)).toMatchObject({ exitCode: 0 });

  const removed = await scene.answer("y");
  expect(removed, removed.stdout).toMatchObject({ exitCode: 0 });
  expect(removed.stdout).toMatch(/# removed what others left: 1\r?$/m);
  rmdirSync(join(world.bpffs, "prog")); // bpftool's, and empty by now
  await expectState(world, before);
  expect((await doctor(scene)).leftovers).toEqual([]);
  await expectInterception(world);
});

test("install says that a leftover stands in the way, and what removes it", async () => {
  await using scene = await Scene.create();
  const { world } = scene;
  await scene.leave();
  const inTheWay = ["--ebpf-cgroup-path", scene.cgroup("kuma"), "--verbose"];
  const refused = await world.tproxyctl(world.installArguments(...inTheWay));
  const words = /mb_sock_connect, program \d+ \(connect4 on .*kuma\)/;
  expectFailure(refused, "CGROUP_UNUSABLE", words, /`tproxyctl uninstall --leftovers` removes it/);
  // Without the look that --verbose has beforehand, the kernel's no is explained.
  const plain = await world.tproxyctl(world.installArguments(...inTheWay.slice(0, 2)));
  expect(plain).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/mb_get_sockopt, program \d+ \(get/),
  });
  // Beside those that let others be, all works; and below one that does not, nothing.
  await world.install("--ebpf-cgroup-path", scene.cgroup("merbridge"));
  await world.uninstall();
  mkdirSync(join(scene.cgroup("kuma"), "below"));
  world.defer(async () => rmdirSync(join(scene.cgroup("kuma"), "below")));
  const below = ["--ebpf-cgroup-path", join(scene.cgroup("kuma"), "below"), "--verbose"];
  expectFailure(await world.tproxyctl(world.installArguments(...below)), "CGROUP_UNUSABLE", words);
  expect(await scene.tproxyctl("uninstall", "--leftovers", "--yes")).toMatchObject({ exitCode: 0 });
  await world.install(...inTheWay);
});

test("an installation whose network namespace is gone", async () => {
  await using scene = await Scene.create();
  const { world } = scene;
  await world.install();
  const before = await kernelState(world);
  const name = world.netns("gone");
  await execa("ip", ["netns", "add", name]);
  await execa("ip", ["-n", name, "link", "set", "lo", "up"]);
  const installed = await world.tproxyctl(world.installArguments(), { host: "gone" });
  expect(installed, installed.stderr).toMatchObject({ exitCode: 0 });
  expect((await doctor(scene)).leftovers).toEqual([]);
  await execa("ip", ["netns", "del", name]);
  await expect
    .poll(async () => (await doctor(scene)).leftovers, { timeout: 20_000, interval: 100 })
    .toMatchObject([{ kind: "gone-installation" }]);
  expect(await scene.tproxyctl("uninstall", "--leftovers", "--yes")).toMatchObject({ exitCode: 0 });
  await expectState(world, before);
  await expectInterception(world);
});
