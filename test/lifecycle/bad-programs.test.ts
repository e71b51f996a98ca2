// --ebpf-programs-source-path: what is not exactly the prebuilt object is refused, and what is is taken.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Scratch } from "../native/support.ts";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { projectRoot } from "../support/project-files.ts";
import { World } from "../support/world.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

const NAME = "tproxy.bpf.o";
const object = readFileSync(join(projectRoot, "dist/bpf", NAME));

let world: World;
let before: KernelState;
let directory: string;

beforeAll(async () => {
  world = await World.create();
  before = await kernelState(world);
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-programs-"));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world[Symbol.asyncDispose]();
});

let made = 0;

/** A new directory; `fill` gets the path that the object would have in it. */
function programs(fill: (path: string) => void): string {
  const path = join(directory, String(++made));
  mkdirSync(path);
  fill(join(path, NAME));
  return path;
}

const write = (bytes: Uint8Array | string) => (path: string) => writeFileSync(path, bytes);

/** The object with other bytes where `text` stands. */
function patched(text: string, other: string): Buffer {
  const bytes = Buffer.from(object);
  const at = bytes.indexOf(text);
  expect(at, `${text} is in the object`).toBeGreaterThan(0);
  bytes.write(other, at, "latin1");
  return bytes;
}

const version = () =>
  /"version": "([^"]+)"/.exec(readFileSync(join(projectRoot, "package.json"), "utf8"))?.[1] ?? "";

test.each<[string, () => string, RegExp]>([
  [
    "a directory that is missing",
    () => join(directory, "nowhere"),
    /cannot look for the eBPF programs in .*nowhere/,
  ],
  ["a directory without the object", () => programs(() => {}), /there is no tproxy\.bpf\.o in/],
  [
    "a file in place of the directory",
    () => join(programs(write(object)), NAME),
    /cannot look for the eBPF programs/,
  ],
  [
    "a directory in place of the file",
    () => programs((path) => mkdirSync(path)),
    /cannot read .*tproxy\.bpf\.o/,
  ],
  [
    "a file that cannot be read",
    () => programs((path) => symlinkSync("/proc/self/mem", path)),
    /cannot read .*tproxy\.bpf\.o/,
  ],
  [
    "a link to nowhere",
    () => programs((path) => symlinkSync("/nowhere", path)),
    /cannot read .*tproxy\.bpf\.o/,
  ],
  ["garbage", () => programs(write(Buffer.alloc(10_000, "garbage"))), /tproxy\.bpf\.o/],
  ["a program for this machine", () => programs((path) => cpSync("/bin/true", path)), /tproxy\.bpf\.o/],
  [
    "somebody else's object",
    () => programs(compileFixture),
    /are not those of tproxyctl|built for tproxyctl of the fixture/,
  ],
  [
    "an object for another version",
    () => programs(write(patched(`${version()}+`, "9.9.9+"))),
    /were built for tproxyctl 9\.9\.9\+\w+, and this is/,
  ],
  [
    "an object with no version",
    () => programs(write(patched("tproxyctl.abi", "tproxyctl.abx"))),
    /are not those of tproxyctl/,
  ],
  [
    "an object of other sources",
    () => programs(buildForAnotherVersion),
    /were built for tproxyctl other, and this is/,
  ],
])("%s", async (_title, path, words) => {
  const result = await world.tproxyctl(world.installArguments("--ebpf-programs-source-path", path()));
  expectFailure(result, "PROGRAMS_UNUSABLE", words);
  await expectState(world, before);
});

test.each([0, 1, 16, 63, 64, 1000, 0.25, 0.5, 0.75, 0.99, object.length - 1])(
  "an object cut off after %d",
  async (length) => {
    const bytes = object.subarray(0, length > 0 && length < 1 ? Math.floor(object.length * length) : length);
    const path = programs(write(bytes));
    const result = await world.tproxyctl(world.installArguments("--ebpf-programs-source-path", path));
    expectFailure(result, "PROGRAMS_UNUSABLE", /tproxy\.bpf\.o/);
    await expectState(world, before);
  },
);

test("an object that the verifier refuses, over an installation, leaves that at work", async () => {
  await using own = await worldWithProxy();
  await own.install();
  const installed = await kernelState(own);
  const path = programs(write(withoutReturnValues()));
  const result = await own.tproxyctl(own.installArguments("--ebpf-programs-source-path", path));
  expectFailure(result, "PROGRAM_REJECTED", /the kernel's verifier refuses the program tp_\w+:\n.*R0/s);
  await expectState(own, installed);
  await expectInterception(own);
});

test("the right object in a directory is taken", async () => {
  await using own = await worldWithProxy();
  await own.install("--ebpf-programs-source-path", programs(write(object)));
  await expectInterception(own);
});

function compileFixture(path: string): void {
  using scratch = new Scratch();
  cpSync(scratch.compile("basic"), path);
}

/** What `make -C bpf` makes, with another version in it: compiled from our own sources, away from the build. */
function buildForAnotherVersion(path: string): void {
  const sources = join(path, "../sources/bpf");
  cpSync(join(projectRoot, "bpf"), sources, { recursive: true });
  cpSync(join(projectRoot, "package.json"), join(sources, "../package.json"));
  execFileSync("make", ["-C", sources, "ABI=other"], { stdio: "pipe" });
  cpSync(join(sources, "../dist/bpf", NAME), path);
}

/** Every `r0 = 1` becomes `r0 = 7`, which the verifier does not let a hook return. */
function withoutReturnValues(): Buffer {
  const [one, seven] = ["b700000001000000", "b700000007000000"].map((hex) => Buffer.from(hex, "hex"));
  const bytes = Buffer.from(object);
  for (let at = bytes.indexOf(one ?? ""); at >= 0; at = bytes.indexOf(one ?? "", at + 8))
    seven?.copy(bytes, at);
  return bytes;
}
