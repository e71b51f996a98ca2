import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import {
  findDistrust,
  readTrusted,
  resolveTrusted,
  type Trust,
  Untrusted,
} from "../../../src/host/trusted-path.ts";

const top = realpathSync(mkdtempSync(join(tmpdir(), "hst-trust-")));
afterAll(() => rmSync(top, { recursive: true }));

const own = process.geteuid?.() ?? 0;
/** What lies above `top` is not looked at: /tmp is everybody's. */
const TRUST: Trust = { users: new Set([0, own]), group: undefined, root: top };

let made = 0;
let directory: string;

beforeEach(() => {
  directory = join(top, String(++made));
  makeDirectory(directory);
});

function makeDirectory(path: string, mode = "755"): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode); // whatever the umask says
}

function file(name: string, mode = "644"): string {
  const path = join(directory, name);
  writeFileSync(path, "text");
  chmodSync(path, mode);
  return path;
}

const resolve = (path: string, trust = TRUST) => resolveTrusted(path, trust);

describe("a path", () => {
  test("is followed as the kernel does", () => {
    const path = file("file");
    makeDirectory(join(directory, "links"));
    symlinkSync("../file", join(directory, "links/relative"));
    symlinkSync(path, join(directory, "links/absolute"));
    symlinkSync(join(directory, "links"), join(directory, "again"));
    for (const way of ["file", "./links//../file", "links/relative", "links/absolute", "again/relative"])
      expect(resolve(`${directory}/${way}`)).toBe(path);
  });

  test("of a ConfigMap's volume is one", () => {
    makeDirectory(join(directory, "..2026_11_27"));
    file("..2026_11_27/config.yaml");
    symlinkSync("..2026_11_27", join(directory, "..data"));
    symlinkSync("..data/config.yaml", join(directory, "config.yaml"));
    expect(resolve(join(directory, "config.yaml"))).toBe(join(directory, "..2026_11_27/config.yaml"));
  });

  test.each([
    ["666", "everybody"],
    ["602", "everybody"],
    ["664", "group"],
  ])("to a file of mode %s is not trusted", (mode, who) => {
    expect(() => resolve(file("file", mode))).toThrow(
      new RegExp(`/file can be written to by ${who}.*mode ${mode}`),
    );
  });

  test.each(["777", "1777", "775", "703"])("through a directory of mode %s is not", (mode) => {
    const path = file("file");
    makeDirectory(join(directory, "open/inner"));
    chmodSync(join(directory, "open"), mode);
    symlinkSync("../../file", join(directory, "open/inner/link"));
    symlinkSync("open/inner/link", join(directory, "link"));
    for (const way of ["open/../file", "open/inner/../../file", "open/inner/link", "link"])
      expect(() => resolve(`${directory}/${way}`), way).toThrow(/\/open can be written to by/);
    expect(resolve(path)).toBe(path);
  });

  test("of another user is not; of a group that can write to this program is", () => {
    const path = file("file", "664");
    const { gid } = statSync(path);
    expect(() => resolve(path, { ...TRUST, users: new Set([own + 1]) })).toThrow(`belongs to user ${own}`);
    expect(resolve(path, { ...TRUST, group: gid })).toBe(path);
    expect(() => resolve(path, { ...TRUST, group: gid + 1 })).toThrow(`by group ${gid}`);
  });

  test("outside of this program's directory is looked at from the root on", () => {
    expect(() => resolve(file("file"), { ...TRUST, root: "/nowhere" })).toThrow(/can be written to by/);
    expect(() => resolveTrusted("/tmp")).toThrow(/\/tmp can be written to by everybody \(mode 1777\)/);
    expect(resolveTrusted("/etc/passwd")).toBe("/etc/passwd");
  });

  test("in a circle ends", () => {
    symlinkSync("b", join(directory, "a"));
    symlinkSync("a", join(directory, "b"));
    expect(() => resolve(join(directory, "a"))).toThrow(Untrusted);
  });

  test("to nowhere is the system's error", () => {
    expect(() => resolve(join(directory, "none"))).toThrow(/ENOENT/);
    expect(findDistrust("/nowhere")).toMatch(/ENOENT/);
    expect(findDistrust("/etc/passwd")).toBeUndefined();
  });
});

describe("reading", () => {
  test("gives the bytes", () => {
    expect(readTrusted(file("file"), 4, TRUST).toString()).toBe("text");
  });

  test("refuses what is too large, and what is no file", () => {
    expect(() => readTrusted(file("file"), 3, TRUST)).toThrow(/has 4 bytes, more than 3/);
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", ["-m", "600", pipe]);
    expect(() => readTrusted(pipe, 3, TRUST)).toThrow(/pipe is not a file/);
    expect(() => readTrusted(directory, 1 << 20, TRUST)).toThrow(/EISDIR/);
  });
});
