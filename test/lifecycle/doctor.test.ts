// What is missing is named with what to do about it, whatever it is; and nothing is changed by looking.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, type Result, TPNET, TPROXYCTL, World } from "../support/world.ts";
import { PrivateMounts } from "./private-mounts.ts";

interface Check {
  readonly name: string;
  readonly what: string;
  readonly state: "ok" | "limited" | "missing" | "unknown";
  readonly found: string;
  readonly remedy: string | null;
  readonly code: string | null;
}

interface Choice {
  readonly engine: string | null;
  readonly outcome: string;
  readonly reason: string;
  readonly remedy: string | null;
}

interface Report {
  readonly kernel: string;
  readonly root: boolean;
  readonly checks: { readonly ebpf: readonly Check[]; readonly iptables: readonly Check[] };
  readonly choice: Choice;
  readonly ways: readonly (Choice & { readonly flag: string })[];
}

let world: World;
let before: KernelState;
let otherBefore: string;

beforeAll(async () => {
  world = await World.create();
  before = await kernelState(world);
  otherBefore = await otherState();
});
afterAll(() => world[Symbol.asyncDispose]());

/** What a look by the kernel-state helper makes by itself, or does not see: kernel modules, tables of this namespace. */
async function otherState(): Promise<string> {
  const modules = existsSync("/proc/modules") ? readFileSync("/proc/modules", "utf8") : "";
  const script = "cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; nft list tables; true";
  const { stdout } = await world.run(["sh", "-c", script], { cgroup: false });
  return [...modules.split("\n").map((line) => line.split(" ")[0]), stdout].join("\n");
}

async function expectNothingChanged(): Promise<void> {
  expect(await otherState()).toBe(otherBefore);
  await expectState(world, before);
}

function doctorArguments(...flags: readonly string[]): string[] {
  const where = ["--ebpf-cgroup-path", world.cgroup, "--ebpf-bpffs-path", world.bpffs];
  return [TPROXYCTL, "doctor", "--kuma-dp-user", String(PROXY_UID), ...where, ...flags];
}

function reportOf(result: Result): Report {
  expect(result.stderr).toBe("");
  return JSON.parse(result.stdout) as Report;
}

/** The checks of the eBPF engine that are not as they should be, by name. */
function troubles(report: Report): Record<string, Check> {
  return Object.fromEntries(
    report.checks.ebpf.filter(({ state }) => state !== "ok").map((check) => [check.name, check]),
  );
}

/** eBPF is asked for and not possible: iptables takes over, or with --engine=ebpf nothing does. */
function expectFallback({ choice, ways }: Report, reason: RegExp, remedy: RegExp): void {
  const because = { reason: expect.stringMatching(reason), remedy: expect.stringMatching(remedy) };
  expect(choice).toEqual({ engine: "iptables", outcome: "fallback", ...because });
  expect(ways).toMatchObject([
    { flag: "(no flag)", engine: "iptables" },
    { flag: "--ebpf-enabled", engine: "iptables", ...because },
    { flag: "--engine=ebpf", engine: null, outcome: "impossible", ...because },
  ]);
}

describe("where all is there", () => {
  test.each([
    ["eBPF", ["--ebpf-enabled"], "ebpf"],
    ["eBPF by tc", ["--engine=ebpf", "--ebpf-tc-attach-iface", "eth0"], "ebpf"],
    ["the best", ["--engine=auto"], "ebpf"],
    ["nothing special", [], "iptables"],
    ["iptables", ["--engine=iptables", "--ebpf-enabled"], "iptables"],
  ])("asked for %s", async (_title, flags, engine) => {
    const result = await world.run(doctorArguments("--json", ...flags), { cgroup: false });
    const report = reportOf(result);
    expect(troubles(report)).toEqual({});
    expect(report.checks.iptables.filter(({ state }) => state !== "ok")).toEqual([]);
    expect(report).toMatchObject({ root: true, choice: { engine, outcome: "as-asked", remedy: null } });
    expect(result.exitCode).toBe(0);
    await expectNothingChanged();
  });

  test("as text", async () => {
    const { stdout, stderr, exitCode } = await world.run(doctorArguments("--ebpf-enabled"), {
      cgroup: false,
    });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toMatch(/^eBPF engine\n {2}ok {7}a kernel that is new enough: \d/m);
    expect(stdout).toContain(`  ok       a cgroup2 file system: ${world.cgroup}\n`);
    expect(stdout).not.toMatch(/MISSING|unknown|limited|undefined|\[object/);
    expect(stdout).toMatch(/^install would use: ebpf, because all that it needs is there$/m);
    expect(stdout).toMatch(/^[ -~\n]*$/);
  });

  test("and over an installation, which stays as it is", async () => {
    await using own = await World.create();
    await own.install();
    const installed = await kernelState(own);
    const where = ["--ebpf-cgroup-path", own.cgroup, "--ebpf-bpffs-path", own.bpffs];
    const args = ["doctor", "--ebpf-enabled", "--kuma-dp-user", String(PROXY_UID), ...where];
    expect(await own.tproxyctl(args)).toMatchObject({ exitCode: 0 });
    await expectState(own, installed);
    mkdirSync(join(own.bpffs, "elsewhere"));
    const elsewhere = await own.tproxyctl([
      ...args,
      "--json",
      "--ebpf-bpffs-path",
      join(own.bpffs, "elsewhere"),
    ]);
    expect(elsewhere.exitCode).toBe(0);
    expect(elsewhere.stdout).toContain(`one, with its pins in ${own.bpffs}, from where they will move`);
  });
});

test("on an old kernel", async () => {
  const args = ["setarch", "--uname-2.6", ...doctorArguments("--json", "--ebpf-enabled")];
  const result = await world.run(args, { cgroup: false });
  const report = reportOf(result);
  expect(Object.keys(troubles(report))).toEqual(["kernel"]);
  expect(report.kernel).toMatch(/^2\.6\./);
  expectFallback(report, /Linux 2\.6\.\S+, older than 5\.7/, /newer kernel/);
  expect(result.exitCode).toBe(1);
  await expectNothingChanged();
});

describe("without capabilities", () => {
  test.each<[string, string[], RegExp]>([
    ["bpf", ["bpf", "sys_admin"], /CAP_BPF, which makes maps and programs/],
    ["perfmon", ["perfmon", "sys_admin"], /CAP_PERFMON, which lets the verifier/],
  ])("%s", async (_title, dropCapabilities, reason) => {
    const args = doctorArguments("--json", "--ebpf-enabled");
    const result = await world.run(args, { cgroup: false, dropCapabilities });
    const report = reportOf(result);
    expect(troubles(report).capabilities).toMatchObject({
      state: "missing",
      code: "CAPABILITY_MISSING",
      found: expect.stringMatching(reason),
      remedy: expect.stringMatching(/capabilities\.add/),
    });
    // What could not be tried is not said to be missing.
    expect(troubles(report).loading).toMatchObject({ state: "unknown" });
    expect(Object.values(troubles(report)).filter(({ state }) => state === "missing")).toHaveLength(1);
    expectFallback(report, reason, /capabilities\.add/);
    expect(result.exitCode).toBe(1);
    await expectNothingChanged();
  });

  test("one that only a running proxy needs", async () => {
    await using own = await World.create();
    const where = ["--ebpf-cgroup-path", own.cgroup, "--ebpf-bpffs-path", own.bpffs];
    const args = ["doctor", "--json", "--ebpf-enabled", "--kuma-dp-user", String(PROXY_UID), ...where];
    const options = { dropCapabilities: ["sys_ptrace"] };
    const idle = await own.tproxyctl(args, options);
    expect(troubles(reportOf(idle))).toMatchObject({ "capabilities-running-proxy": { state: "limited" } });
    expect(idle.exitCode).toBe(0);
    await own.startProxy();
    const running = await own.tproxyctl(args, options);
    expect(troubles(reportOf(running))).toMatchObject({
      "capabilities-running-proxy": {
        state: "missing",
        found: expect.stringMatching(/CAP_SYS_PTRACE, which/),
      },
    });
    expect(running.exitCode).toBe(1);
  });
});

test("without cgroup2", async () => {
  const args = [TPROXYCTL, "doctor", "--json", "--ebpf-enabled", "--kuma-dp-user", String(PROXY_UID)];
  const hidden = [TPNET, "run", "--umount-cgroup2", "--", ...args, "--ebpf-bpffs-path", world.bpffs];
  const result = await world.run(hidden, { cgroup: false });
  const report = reportOf(result);
  expect(Object.keys(troubles(report))).toEqual(["cgroup2"]);
  expectFallback(report, /no cgroup2 file system is mounted here/, /mount -t cgroup2 .*nsenter --net/);
  expect(result.exitCode).toBe(1);
  await expectNothingChanged();
});

test("with options that name what is no such place", async () => {
  const flags = [
    "--ebpf-cgroup-path",
    "/proc",
    "--ebpf-bpffs-path",
    "/proc",
    "--ebpf-programs-source-path",
    "/",
  ];
  const args = doctorArguments("--json", "--ebpf-enabled", ...flags);
  const result = await world.run(args, { cgroup: false });
  const report = reportOf(result);
  expect(troubles(report)).toMatchObject({
    cgroup2: { state: "missing", remedy: expect.stringMatching(/Leave it out/) },
    bpffs: { state: "missing", remedy: expect.stringMatching(/mount -t bpf/) },
    programs: { state: "missing", remedy: expect.stringMatching(/leave it out/) },
  });
  expect(report.choice).toMatchObject({ engine: null, reason: expect.stringMatching(/--ebpf-cgroup-path/) });
  expect(result.exitCode).toBe(1);
  await expectNothingChanged();
});

test("with a configuration that does not fit this host, for either engine", async () => {
  for (const flag of ["--ebpf-enabled", "--engine=iptables"]) {
    const args = doctorArguments("--json", flag, "--ebpf-tc-attach-iface", "eth9");
    const result = await world.run(args, { cgroup: false });
    const choice = { engine: null, reason: expect.stringMatching(/--ebpf-tc-attach-iface.*eth9/) };
    expect(reportOf(result).choice).toMatchObject(choice);
    expect(result.exitCode).toBe(1);
  }
  await expectNothingChanged();
});

describe("in a mount namespace of its own", () => {
  test("with no bpffs yet: it would be mounted, and is not", async () => {
    const mounts = await PrivateMounts.create(world);
    const look = { mountsOf: mounts.pid };
    const privately = await kernelState(world, look);
    const args = ["--json", "--ebpf-enabled", "--ebpf-bpffs-path", "/run/kuma/bpf"];
    const result = await mounts.run(doctorArguments(...args));
    expect(troubles(reportOf(result))).toEqual({});
    expect(result.exitCode).toBe(0);
    await expectState(world, privately, look);
    const without = [TPNET, "run", "--drop-cap", "sys_admin", "--", ...doctorArguments(...args)];
    const unmountable = await mounts.run(without);
    expect(troubles(reportOf(unmountable))).toMatchObject({ "capabilities-mount": { state: "missing" } });
    await mounts.mustRun("chmod", "1777", "/run");
    const changeable = reportOf(await mounts.run(doctorArguments(...args)));
    expect(troubles(changeable)).toMatchObject({
      bpffs: { state: "missing", found: expect.stringMatching(/\/run can be written to by everybody/) },
    });
    expectFallback(changeable, /\/run can be written to by everybody/, /chmod go-w/);
    await mounts.mustRun("chmod", "755", "/run");
    await mounts.mustRun("sh", "-c", "mkdir -p /run/kuma/bpf && touch /run/kuma/bpf/file");
    const hiding = reportOf(await mounts.run(doctorArguments(...args)));
    expect(troubles(hiding)).toMatchObject({
      bpffs: { state: "missing", found: expect.stringMatching(/hide/) },
    });
    expectFallback(hiding, /a mount would hide the files in it/, /Empty that directory/);
  });

  test("without libbpf", async () => {
    const mounts = await PrivateMounts.create(world);
    await hideLibbpf(mounts);
    const result = await mounts.run(doctorArguments("--json", "--ebpf-enabled"));
    const report = reportOf(result);
    const { libbpf, ...others } = troubles(report);
    expect(libbpf).toMatchObject({ state: "missing", remedy: expect.stringMatching(/^Install libbpf 1\.0/) });
    expect(Object.values(others).map(({ state }) => state)).not.toContain("missing");
    expect(others).toMatchObject({ programs: { state: "unknown" }, "map-hash": { state: "unknown" } });
    expectFallback(report, /cannot load libbpf\.so\.1/, /^Install libbpf 1\.0/);
    expect(result.exitCode).toBe(1);
  });
});

async function hideLibbpf(mounts: PrivateMounts): Promise<void> {
  const hide =
    'for lib in $(ldconfig -p | sed -n "s/.*libbpf.so.* => //p"); do mount --bind /dev/null "$lib"; done';
  await mounts.mustRun("sh", "-c", hide);
}

describe("what it says is what install does", () => {
  const drop = (...names: string[]) => [TPNET, "run", ...names.flatMap((name) => ["--drop-cap", name]), "--"];
  test.each<[string, string[], string[]]>([
    ["eBPF, all is there", [], ["--ebpf-enabled"]],
    ["iptables, all is there", [], []],
    ["an old kernel", ["setarch", "--uname-2.6"], ["--ebpf-enabled"]],
    ["an old kernel, the best", ["setarch", "--uname-2.6"], ["--engine=auto"]],
    ["an old kernel, eBPF alone", ["setarch", "--uname-2.6"], ["--engine=ebpf"]],
    ["a dropped capability", drop("bpf", "sys_admin"), ["--ebpf-enabled"]],
    ["a dropped capability, eBPF alone", drop("bpf", "sys_admin"), ["--engine=ebpf"]],
    ["no cgroup2", [TPNET, "run", "--umount-cgroup2", "--"], ["--ebpf-enabled", "--ebpf-cgroup-path", ""]],
    ["a cgroup path that is none", [], ["--ebpf-enabled", "--ebpf-cgroup-path", "/proc"]],
    ["no cgroup2, and a path", [TPNET, "run", "--umount-cgroup2", "--"], ["--ebpf-enabled"]],
    ["no programs", [], ["--ebpf-enabled", "--ebpf-programs-source-path", "/"]],
    [
      "an old kernel and no programs",
      ["setarch", "--uname-2.6"],
      ["--ebpf-enabled", "--ebpf-programs-source-path", "/"],
    ],
    ["an interface that is not there", [], ["--ebpf-tc-attach-iface", "eth9"]],
    [
      "an old kernel and an interface that is not there",
      ["setarch", "--uname-2.6"],
      ["--ebpf-enabled", "--ebpf-tc-attach-iface", "eth9"],
    ],
  ])("%s", async (_title, prefix, flags) => {
    await using own = await World.create();
    const where = ["--ebpf-cgroup-path", own.cgroup, "--ebpf-bpffs-path", own.bpffs];
    const options = ["--kuma-dp-user", String(PROXY_UID), ...where, ...flags];
    const command = (name: string) => [...prefix, TPROXYCTL, name, ...options];
    const { choice } = reportOf(await own.run([...command("doctor"), "--json"], { cgroup: false }));
    const installed = await own.run(command("install"), { cgroup: false });
    const engine = /\(engine: (\w+)\)$/m.exec(installed.stdout)?.[1] ?? null;
    expect(choice.engine, `${choice.reason}\n${installed.stderr}`).toBe(engine);
    expect(installed.exitCode).toBe(engine === null ? 1 : 0);
    // A record of rules outlives the namespace.
    await own.uninstall();
  });
});

describe("as an ordinary user", () => {
  test.each([
    ["eBPF", ["--ebpf-enabled"], "ebpf"],
    ["nothing special", [], "iptables"],
  ])("says what only root could find out: asked for %s", async (_title, flags, engine) => {
    const place = ["--ebpf-bpffs-path", "/run/kuma/bpf"];
    const args = doctorArguments("--json", ...flags, ...place);
    const result = await world.run(args, { cgroup: false, uid: 1000 });
    const report = reportOf(result);
    const states = new Set(Object.values(troubles(report)).map(({ state }) => state));
    expect([...states]).toEqual(["unknown"]);
    for (const { remedy } of Object.values(troubles(report))) expect(remedy).toMatch(/as root/);
    expect(report).toMatchObject({
      root: false,
      choice: { engine, outcome: "uncertain", remedy: expect.stringMatching(/as root/) },
    });
    expect(result.exitCode).toBe(1);
    await expectNothingChanged();
  });

  test("and what is missing for everybody", async () => {
    const args = ["setarch", "--uname-2.6", ...doctorArguments("--json", "--ebpf-enabled")];
    const report = reportOf(await world.run(args, { cgroup: false, uid: 1000 }));
    expect(report.choice).toMatchObject({ engine: "iptables", outcome: "fallback" });
  });
});

test("the programs for DNS are loaded where it is redirected", async () => {
  const loaded = async (...flags: readonly string[]) => {
    const args = doctorArguments("--json", "--ebpf-enabled", ...flags);
    const { checks } = reportOf(await world.run(args, { cgroup: false }));
    const found = new Map(checks.ebpf.map((check) => [check.name, check]));
    for (const name of ["prog-sendmsg4", "prog-sendmsg6", "prog-recvmsg4", "prog-recvmsg6", "map-lru-hash"])
      expect(found.get(name), name).toMatchObject({ state: "ok" });
    return Number(/^(\d+) programs loaded/.exec(found.get("loading")?.found ?? "")?.[1]);
  };
  expect((await loaded("--redirect-all-dns-traffic")) - (await loaded())).toBe(4);
});
