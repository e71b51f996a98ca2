// --ebpf-programs-source-path: what is not exactly the prebuilt object is refused, and what is is taken.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Scratch } from "../native/support.ts";
import { expectState, type KernelState, kernelState } from "../support/kernel-state.ts";
import { projectRoot } from "../support/project-files.ts";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";
import { APP_UID, World } from "../support/world.ts";
import { expectFailure, expectInterception, worldWithProxy } from "./support.ts";

const NAME = "tproxy.bpf.o";
const object = readFileSync(join(projectRoot, "dist/bpf", NAME));

let world: World;
let before: KernelState;
let directory: string;

beforeAll(async () => {
  world = await World.create();
  before = await kernelState(world);
  directory = makeTrustedDirectory("programs");
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

function writeWith(path: string, mode: number, { uid = 0, gid = 0 } = {}): void {
  writeFileSync(path, object);
  chmodSync(path, mode); // whatever the umask says
  chownSync(path, uid, gid);
}

function inDirectory(mode: number): string {
  return programs((path) => {
    write(object)(path);
    chmodSync(dirname(path), mode);
  });
}

function withSums(mode: number): string {
  return programs((path) => {
    write(object)(path);
    writeWith(join(path, "../SHA256SUMS"), mode);
  });
}

/** The object in a good directory below one of that mode. */
function below(mode: number): string {
  let path = "";
  programs((file) => {
    path = join(file, "../inner");
    mkdirSync(path);
    writeFileSync(join(path, NAME), object);
    chmodSync(dirname(file), mode);
  });
  return path;
}

/** A good directory, by a symbolic link in a directory of that mode. */
function linkBelow(mode: number): string {
  const good = programs(write(object));
  return join(
    programs((file) => {
      symlinkSync(good, join(file, "../link"));
      chmodSync(dirname(file), mode);
    }),
    "link",
  );
}

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

describe("what others than root could change is not loaded", () => {
  test.each<[string, () => string, RegExp]>([
    [
      "the file",
      () => programs((path) => writeWith(path, 0o666)),
      /\/tproxy\.bpf\.o can be written to by everybody \(mode 666\)/,
    ],
    [
      "by a group",
      () => programs((path) => writeWith(path, 0o664, { gid: APP_UID })),
      /\/tproxy\.bpf\.o can be written to by group 1000 \(mode 664\)/,
    ],
    [
      "by its owner",
      () => programs((path) => writeWith(path, 0o644, { uid: APP_UID })),
      /\/tproxy\.bpf\.o belongs to user 1000/,
    ],
    ["the directory", () => inDirectory(0o777), /\/\d+ can be written to by everybody \(mode 777\)/],
    ["a directory above", () => below(0o777), /\/\d+ can be written to by everybody \(mode 777\)/],
    ["as /tmp is", () => below(0o1777), /\/\d+ can be written to by everybody \(mode 1777\)/],
    ["the way there by a link", () => linkBelow(0o777), /\/\d+ can be written to by everybody/],
    ["the sums", () => withSums(0o666), /SHA256SUMS can be written to by everybody/],
  ])("%s", async (_title, path, words) => {
    const result = await world.tproxyctl(world.installArguments("--ebpf-programs-source-path", path()));
    expectFailure(result, "PROGRAMS_UNUSABLE", / is not loaded into the kernel: \//, words, /chmod go-w/);
    await expectState(world, before);
  });

  test("of the package", async () => {
    const copy = join(directory, String(++made));
    for (const part of ["bin", "dist", "package.json"])
      cpSync(join(projectRoot, part), join(copy, part), { recursive: true });
    for (const part of ["node_modules", ".node"]) symlinkSync(join(projectRoot, part), join(copy, part));
    const file = join(copy, "dist/bpf", NAME);
    const sums = join(copy, "dist/bpf/SHA256SUMS");
    const install = () =>
      world.run([join(copy, "bin/tproxyctl"), ...world.installArguments()], { cgroup: false });
    const refused = async (...words: readonly RegExp[]) => {
      expectFailure(await install(), "PROGRAMS_UNUSABLE", ...words);
      await expectState(world, before);
    };
    chmodSync(dirname(file), 0o777);
    await refused(/dist\/bpf can be written to by everybody/);
    chmodSync(dirname(file), 0o755);
    chmodSync(copy, 0o777);
    await refused(/\/\d+ can be written to by everybody/);
    chmodSync(copy, 0o755);
    writeFileSync(file, withoutReturnValues());
    await refused(
      /is not what was built: .*SHA256SUMS says \w{64}, and it is \w{64}/,
      /install tproxyctl again/,
    );
    writeFileSync(file, object);
    rmSync(sums);
    await refused(/cannot read .*SHA256SUMS/);
    cpSync(join(projectRoot, "dist/bpf/SHA256SUMS"), sums);
    expect(await install()).toMatchObject({ exitCode: 0 });
    await world.uninstall();
  });
});

test("sums that are there are compared", async () => {
  const path = programs((file) => {
    write(withoutReturnValues())(file);
    cpSync(join(projectRoot, "dist/bpf/SHA256SUMS"), join(file, "../SHA256SUMS"));
  });
  const result = await world.tproxyctl(world.installArguments("--ebpf-programs-source-path", path));
  expectFailure(result, "PROGRAMS_UNUSABLE", /is not what was built/, /from the same package/);
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
