// What is published, `npm pack`'s tarball, installed into an empty directory as a user does it, without scripts: it has all
// that is needed, and nothing else, and intercepts from there.

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { projectRoot, readProjectFile } from "../support/project-files.ts";
import type { Result, World } from "../support/world.ts";
import { expectInterception, expectNoInterception, worldWithProxy } from "./support.ts";

let scratch: string;
let tarball: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tproxyctl-packed-"));
  await execa("npm", ["pack", "--pack-destination", scratch], { cwd: projectRoot });
  tarball = join(scratch, readdirSync(scratch).find((name) => name.endsWith(".tgz")) ?? "");
});
afterAll(() => rmSync(scratch, { recursive: true }));

test("the tarball has what is needed to run, and its licences, and nothing else", async () => {
  const { stdout } = await execa("tar", ["--list", "--gzip", "--file", tarball]);
  const files = stdout.split("\n").map((path) => path.replace(/^package\//, ""));
  const named = [
    "package.json",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "bin/tproxyctl",
    "dist/main.js",
    "dist/THIRD-PARTY-LICENSES.txt",
    "dist/bpf/SHA256SUMS",
    "dist/bpf/tproxy.bpf.o",
  ];
  expect(files).toEqual(expect.arrayContaining(named));
  const isChunk = (path: string) => /^dist\/[\w-]+-[0-9A-Z]{8}\.js$/.test(path);
  expect(files.filter((path) => !named.includes(path) && !isChunk(path))).toEqual([]);
});

describe("installed into an empty directory", () => {
  let directory: string;
  let command: string;
  let world: World;
  let before: KernelState;

  beforeAll(async () => {
    directory = join(scratch, "empty");
    mkdirSync(directory);
    const flags = ["--ignore-scripts", "--omit=dev", "--prefer-offline", "--no-audit", "--no-fund"];
    await execa("npm", ["install", ...flags, tarball], { cwd: directory });
    command = join(directory, "node_modules/.bin/tproxyctl");
    world = await worldWithProxy();
    before = await kernelState(world);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  function run(...args: readonly string[]): Promise<Result> {
    return world.run([command, ...args], { cgroup: false });
  }

  async function mustRun(...args: readonly string[]): Promise<Result> {
    const result = await run(...args);
    expect(result.exitCode, result.stderr).toBe(0);
    return result;
  }

  test("brings koffi, for this machine alone, and nothing else", () => {
    const modules = join(directory, "node_modules");
    const packages = readdirSync(modules).filter((name) => !name.startsWith("."));
    expect(packages.filter((name) => !name.startsWith("@"))).toEqual(["koffi", "tproxyctl"]);
  });

  test("is called by the link that npm made", async () => {
    expect(lstatSync(command).isSymbolicLink()).toBe(true);
    const { version } = JSON.parse(readProjectFile("package.json"));
    expect((await mustRun("--version")).stdout).toContain(version);
  });

  test.each(["ebpf", "iptables"])("intercepts by %s, and leaves nothing", async (engine) => {
    await mustRun(...world.installArguments(`--engine=${engine}`));
    expect(JSON.parse((await mustRun("status", "--json")).stdout)).toMatchObject({ installed: true, engine });
    await expectInterception(world);
    await mustRun("uninstall", "transparent-proxy");
    await expectState(world, before);
  });

  test("intercepts nothing afterwards", async () => {
    await expectNoInterception(world);
  });
});
