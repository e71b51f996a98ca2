import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replaceFile } from "../../../src/host/replace-file.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-replace-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the text is another one, the mode is not, and nothing is left beside it", () => {
  const path = join(directory, "a.yaml");
  writeFileSync(path, "before");
  chmodSync(path, 0o640);
  const { ino, uid, gid } = statSync(path);
  replaceFile(path, "after", 0o600);
  expect(readFileSync(path, "utf8")).toBe("after");
  const now = statSync(path);
  expect({ mode: now.mode & 0o7777, uid: now.uid, gid: now.gid }).toEqual({ mode: 0o640, uid, gid });
  // Another file took its place at once: who reads it sees one or the other.
  expect(now.ino).not.toBe(ino);
  expect(readdirSync(directory)).toEqual(["a.yaml"]);
});

test("a symbolic link stays one", () => {
  const target = join(directory, "target.yaml");
  const link = join(directory, "link.yaml");
  writeFileSync(target, "before");
  symlinkSync("target.yaml", link);
  replaceFile(link, "after", 0o600);
  expect(readFileSync(target, "utf8")).toBe("after");
  expect(readdirSync(directory)).toEqual(["link.yaml", "target.yaml"]);
});

test("what cannot be written is as it was", () => {
  const path = join(directory, "is-a-directory");
  mkdirSync(path);
  expect(() => replaceFile(path, "after", 0o600)).toThrow("EISDIR");
  expect(() => replaceFile(join(directory, "missing", "a"), "after", 0o600)).toThrow("ENOENT");
  expect(readdirSync(directory)).toEqual(["is-a-directory"]);
});
