import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { joinCgroup } from "../../../../src/commands/verify/join-cgroup.ts";

let top: string;

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "tproxyctl-cgroup-"));
  for (const path of ["a/deep/deeper", "b"]) mkdirSync(join(top, path), { recursive: true });
});
afterEach(() => rmSync(top, { recursive: true }));

/** What the kernel would say of each; nothing: it takes the process. */
type Refusals = Readonly<Record<string, string>>;

function enterBut(refusals: Refusals) {
  return (cgroup: string) => {
    const code = refusals[relative(top, cgroup)];
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  };
}

describe("a process is put", () => {
  test.each<[string, Refusals, string[], string]>([
    ["into the cgroup itself", {}, [], ""],
    ["into the first below one that hands controllers on", { "": "EBUSY" }, [], "a"],
    ["into the nearest", { "": "EBUSY", a: "EBUSY" }, [], "b"],
    ["below others", { "": "EBUSY", a: "EBUSY", b: "EOPNOTSUPP" }, [], "a/deep"],
    ["into none that is gone", { "": "EBUSY", a: "ENOENT" }, [], "b"],
    ["into none that stands still", { "": "EBUSY" }, ["a"], "b"],
  ])("%s", (_title, refusals, frozen, expected) => {
    for (const path of frozen) writeFileSync(join(top, path, "cgroup.events"), "populated 1\nfrozen 1\n");
    expect(relative(top, joinCgroup(top, enterBut(refusals)))).toBe(expected);
  });
});

test.each<[string, Refusals, RegExp]>([
  [
    "none takes it",
    { "": "EBUSY", a: "EBUSY", b: "EBUSY", "a/deep": "EBUSY", "a/deep/deeper": "EACCES" },
    /EBUSY: it hands/,
  ],
  ["it may not, and that is no matter of controllers", { "": "EACCES" }, /\(EACCES\)$/],
])("%s", (_title, refusals, words) => {
  expect(() => joinCgroup(top, enterBut(refusals))).toThrow(
    expect.objectContaining({ code: "CGROUP_UNUSABLE", message: expect.stringMatching(words) }),
  );
});

test("what is no answer of the kernel is not taken for one", () => {
  const bug = () => {
    throw new TypeError("a bug");
  };
  expect(() => joinCgroup(top, bug)).toThrow("a bug");
});
