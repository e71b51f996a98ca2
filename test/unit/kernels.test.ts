// The table of kernels: what checks come to, and that the README shows what was found last.

import { expect, test } from "vitest";
import { COLUMNS, judge, type Row } from "../kernels/columns.ts";
import { renderTable, tableIn, versionOf, withTable } from "../kernels/table.ts";
import { readProjectFile } from "../support/project-files.ts";

const row = (part: Partial<Row>): Row => ({
  group: "g",
  check: "c",
  column: "dns",
  ok: true,
  state: "works",
  seconds: 1,
  detail: "",
  ...part,
});

test.each([
  ["works", [row({})]],
  ["FAILS", [row({}), row({ ok: false })]],
  ["falls back", [row({}), row({ state: "falls back" })]],
  ["-", [row({ state: "-" })]],
  ["works", [row({}), row({ state: "-" })]],
  ["not tried", [row({ column: "tcx" })]],
] as const)("a column: %s", (expected, rows) => {
  expect(judge(rows, "dns")).toBe(expected);
});

test("the README has the table of what was written down last", () => {
  const results = JSON.parse(readProjectFile("test/kernels/results.json"));
  expect(tableIn(readProjectFile("README.md"))).toBe(renderTable(results));
});

test("all kernels of the table were tried for all of its columns, and nothing fails", () => {
  const results: Record<string, Record<string, string>> = JSON.parse(
    readProjectFile("test/kernels/results.json"),
  );
  // And of 7.x, whichever there was.
  expect(Object.keys(results)).toEqual(expect.arrayContaining(["5.10", "6.1", "6.12", "6.18"]));
  expect(Object.keys(results).some((kernel) => kernel.startsWith("7."))).toBe(true);
  for (const [kernel, columns] of Object.entries(results)) {
    expect(Object.keys(columns), kernel).toEqual(Object.keys(COLUMNS));
    for (const state of Object.values(columns)) expect(["works", "falls back", "-"], kernel).toContain(state);
  }
});

test("the table is put between its marks, and leaves the rest as it is", () => {
  const readme = readProjectFile("README.md");
  const changed = withTable(readme, "| a |");
  expect(tableIn(changed)).toBe("| a |");
  expect(withTable(changed, tableIn(readme))).toBe(readme);
  expect(() => withTable("none", "| a |")).toThrow("no table of kernels");
});

test("versions are ordered as numbers", () => {
  const empty = Object.fromEntries(Object.keys(COLUMNS).map((name) => [name, "works"]));
  const table = renderTable({ "6.12": empty, "5.10": empty, "6.1": empty } as Parameters<
    typeof renderTable
  >[0]);
  expect([...table.matchAll(/^\| (\d\S+)/gm)].map(([, version]) => version)).toEqual(["5.10", "6.1", "6.12"]);
  expect(versionOf("6.12.94+deb13-amd64")).toBe("6.12");
  expect(() => versionOf("next")).toThrow("no release");
});
