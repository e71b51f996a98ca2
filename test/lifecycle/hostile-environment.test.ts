// A hostile environment makes root run nothing but this program: SECURITY.md says what is honoured and what is not.

import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { projectRoot } from "../support/project-files.ts";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";
import { APP_UID, type Result, TPROXYCTL, World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { Plants } from "./hostile-plants.ts";
import { expectFailure } from "./support.ts";

type Variables = Readonly<Record<string, string>>;

let world: World;
let before: KernelState;
let plants: Plants;

beforeAll(async () => {
  plants = new Plants();
  world = await World.create();
  before = await kernelState(world);
});
afterAll(async () => {
  plants[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});
beforeEach(() => void plants.takeMarks());

/** Set by `env` as the last step: the programs before it are the test's own. */
function withVariables(variables: Variables, command: readonly string[]): string[] {
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return ["/usr/bin/env", `--chdir=${plants.path("cwd")}`, ...assignments, ...command];
}

/** All that changes or looks, on both engines. */
const COMMANDS = [
  ["verify", "--help"],
  ...[EBPF, IPTABLES.nft].flatMap((engine) => [["install", ...engine], ["status"], ["verify"]]),
  ["doctor", "--ebpf-enabled"],
  ["uninstall"],
];

async function runAll(variables: Variables, start: readonly string[] = [TPROXYCTL]): Promise<void> {
  for (const [name = "", ...args] of COMMANDS) {
    const words = name === "install" ? world.installArguments(...args) : [name, ...args];
    const more = name === "doctor" ? ["--kuma-dp-user", "5678", "--ebpf-cgroup-path", world.cgroup] : [];
    const result = await world.run(withVariables(variables, [...start, ...words, ...more]), {
      cgroup: false,
    });
    expect(result.exitCode, `${name} ${args}: ${result.stderr}`).toBe(0);
  }
  await expectState(world, before);
}

test("each plant works where somebody is careless", () => {
  const marks = new Set(plants.tryAll().map((mark) => mark.split(" in ")[0]));
  const programs = ["ENV", "PATH sh", "function-readlink", "HOME", "NODE_OPTIONS", "NODE_PATH", "cwd"];
  const libraries = ["EVIL.so", "audit.so", "libbpf.so.1", "libxt_tcp.so", "preload.so"];
  expect([...marks].sort()).toEqual([...programs, ...libraries].sort());
});

test("none of them does, on either engine, and no temporary file is written", async () => {
  await runAll(plants.others);
  expect(plants.takeMarks()).toEqual([]);
  expect(plants.written()).toBe(false);
});

test("nor where the shell is bash, which takes functions from the environment", async () => {
  const shell = plants.path("posix/sh");
  mkdirSync(dirname(shell));
  symlinkSync("/bin/bash", shell);
  await world.run(withVariables(plants.others, [shell, TPROXYCTL, "--version"]), { cgroup: false });
  expect(plants.takeMarks()).toEqual([]);
});

test("the dynamic linker's reach the shell that starts it, and nothing from there on", async () => {
  await runAll(plants.ofLinker);
  // What sudo and the like drop: nobody can undo it from within.
  const shell = expect.stringMatching(/^(preload|audit)\.so in (da|ba|busybo)?(sh|x)$/);
  const marks = plants.takeMarks();
  expect(marks.length).toBeGreaterThan(0);
  for (const mark of marks) expect(mark).toEqual(shell);
});

test("what the configuration names by variables has to be root's alone", async () => {
  const programs = ["iptables", "iptables-save", "iptables-restore"].map(
    (name) => `${name}:${plants.path("bin", name)}`,
  );
  const run = (variables: Variables, ...flags: readonly string[]) =>
    world.run(withVariables(variables, [TPROXYCTL, ...world.installArguments(...flags)]), { cgroup: false });
  const named = { KUMA_TRANSPARENT_PROXY_IPTABLES_EXECUTABLES: programs.join(",") };
  const words = [/bin\/iptables is not run, for others than root could change it: \/tmp can be written to/];
  expectFailure(await run(named, "--engine=iptables"), "CONFIG_INVALID", ...words);
  const objects = { KUMA_TRANSPARENT_PROXY_EBPF_PROGRAMS_SOURCE_PATH: plants.path("bin") };
  expectFailure(await run(objects), "PROGRAMS_UNUSABLE");
  expect(plants.takeMarks()).toEqual([]);
  await expectState(world, before);
});

test("without standard input and output nothing is written into a file of ours", async () => {
  const closed = (...args: readonly string[]) =>
    world.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", TPROXYCTL, ...args], { cgroup: false });
  for (const engine of [EBPF, IPTABLES.nft])
    expect((await closed(...world.installArguments(...engine))).exitCode).toBe(0);
  expect((await world.status()).exitCode).toBe(0);
  expect((await closed("uninstall")).exitCode).toBe(0);
  await expectState(world, before);
});

describe("the node that a package without its own is started with", () => {
  let directory: string;
  let start: string;

  beforeAll(() => {
    directory = makeTrustedDirectory("node");
    chmodSync(directory, 0o755);
    for (const part of ["bin", "dist", "package.json"])
      cpSync(join(projectRoot, part), join(directory, "package", part), { recursive: true });
    mkdirSync(join(directory, "node"));
    copyFileSync(process.execPath, join(directory, "node/node"));
    mkdirSync(join(directory, "links"));
    symlinkSync("../package/bin/tproxyctl", join(directory, "links/tproxyctl"));
    start = join(directory, "links/tproxyctl");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const version = (path: string, uid?: number): Promise<Result> =>
    world.run(withVariables({ PATH: path }, [start, "--version"]), {
      cgroup: false,
      ...(uid === undefined ? {} : { uid }),
    });

  test("is the first on root's PATH that nobody else could change", async () => {
    const evil = plants.path("bin");
    const { exitCode, stdout, stderr } = await version(`${evil}:.::relative:${join(directory, "node")}`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    expect(stderr).toBe(`tproxyctl: ${evil}/node is not used, since others than root could change it`);
    expect(plants.takeMarks()).toEqual([]);
  });

  test.each(["777", "1777", "775"])("is not one below a directory of mode %s", async (mode) => {
    chmodSync(join(directory, "node"), Number.parseInt(mode, 8));
    const { stderr } = await version(join(directory, "node"));
    chmodSync(join(directory, "node"), 0o755);
    expect(stderr).toContain(`${directory}/node/node is not used`);
  });

  test.each(["current/node", "back", "deploy/there"])(
    "is none that others can exchange: %s",
    async (target) => {
      // As whoever deploys may do, in a directory of his own.
      const [deploy, links] = [join(directory, "deploy"), join(directory, "bin")];
      for (const each of [deploy, links]) mkdirSync(each);
      symlinkSync("../node", join(deploy, "current"));
      symlinkSync(join(directory, "node/node"), join(deploy, "there"));
      symlinkSync("deploy/current/../node/node", join(directory, "back"));
      chownSync(deploy, APP_UID, APP_UID);
      const path = target === "current/node" ? join(deploy, target) : join(directory, target);
      symlinkSync(path, join(links, "node"));
      const { stderr } = await version(links);
      for (const each of [deploy, links, join(directory, "back")]) rmSync(each, { recursive: true });
      expect(stderr).toContain(`${links}/node is not used`);
    },
  );

  test("may be behind links of root's", async () => {
    const links = join(directory, "good");
    mkdirSync(join(links, "bin"), { recursive: true });
    symlinkSync("../node", join(links, "current"));
    symlinkSync("..//current/./node", join(links, "bin/node"));
    const { stderr, exitCode } = await version(join(links, "bin"));
    rmSync(links, { recursive: true });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  test("is whichever they like for others", async () => {
    const { exitCode } = await version(`${plants.path("bin")}:${join(directory, "node")}`, APP_UID);
    expect(exitCode).toBe(0);
    expect(plants.takeMarks()).toEqual(["PATH node"]);
  });
});
