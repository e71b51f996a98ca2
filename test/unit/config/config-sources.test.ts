import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONFIG, CONFIG_FILE, configSources } from "../../../src/config/files/config-sources.ts";

const namesOf = (text: string, flag = CONFIG) =>
  configSources([{ flag, text }]).sources.map((source) =>
    source.kind === "file" ? source.path : source.kind,
  );

test.each<[string, string[]]>([
  ["a.yaml", ["a.yaml"]],
  ["a.yaml, b.yaml,-", ["a.yaml", "b.yaml", "stdin"]],
  ["", []],
  [",", []],
  ["C:relative", ["C:relative"]],
  ["/etc/a:b", ["/etc/a:b"]],
  ['{"wait": 1}', ["text"]],
  ["wait: 1", ["text"]],
  ['"wait": 1', ["text"]],
  ["redirect:", ["text"]],
  ["# a\nwait: 1", ["text"]],
])("%j names %j", (text, expected) => {
  expect(namesOf(text)).toEqual(expected);
});

test("a file whose name has a comma is one file", () => {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-config-"));
  try {
    const path = join(directory, "a,b.yaml");
    writeFileSync(path, "");
    expect(namesOf(path)).toEqual([path]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each(["/tmp/kumactl/config", "/root/.kumactl/config"])("%s is kumactl's own, and not read", (text) => {
  expect(configSources([{ flag: CONFIG_FILE, text }])).toEqual({
    sources: [],
    notes: [expect.stringContaining("kumactl's own configuration")],
  });
  expect(namesOf(text)).toEqual([text]);
  expect(namesOf("/etc/tproxy.yaml", CONFIG_FILE)).toEqual(["/etc/tproxy.yaml"]);
});
