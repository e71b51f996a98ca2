// The table of kernels in the README.

import { COLUMNS, type Column, judge } from "./columns.ts";
import type { Report } from "./rows.ts";

/** What is kept of a run: one entry for each kernel, by its version ("6.12"). */
export type Results = Readonly<Record<string, Readonly<Record<string, string>>>>;

const NAMES = Object.keys(COLUMNS) as readonly Column[];

/** "5.10" of "5.10.0-46-amd64". */
export function versionOf(kernel: string): string {
  const version = /^\d+\.\d+/.exec(kernel)?.[0];
  if (version === undefined) throw new Error(`${kernel} is no release of a kernel`);
  return version;
}

export function judgeAll({ rows }: Report): Results[string] {
  const entries = NAMES.map((name) => [name, judge(rows, name)]);
  return Object.fromEntries(entries);
}

export function renderTable(results: Results): string {
  const versions = Object.keys(results).sort((a, b) => orderOf(a) - orderOf(b));
  const rows = versions.map((version) => [version, ...NAMES.map((name) => results[version]?.[name] ?? "")]);
  const head = ["Linux", ...NAMES.map((name) => COLUMNS[name])];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function orderOf(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1000 + minor;
}

const MARKS = ["<!-- kernels: begin, by scripts/test-kernels --record -->", "<!-- kernels: end -->"] as const;

/** What stands between the marks. */
export function tableIn(readme: string): string {
  const [before = "", after = ""] = partsOf(readme);
  return readme.slice(before.length, readme.length - after.length).trim();
}

export function withTable(readme: string, table: string): string {
  const [before, after] = partsOf(readme);
  return `${before}\n\n${table}\n\n${after}`;
}

function partsOf(readme: string): readonly [before: string, after: string] {
  const [begin, end] = MARKS.map((mark) => readme.indexOf(mark));
  if (begin === undefined || end === undefined || begin < 0 || end < begin)
    throw new Error(`README.md has no table of kernels between '${MARKS.join("' and '")}'`);
  return [readme.slice(0, begin + MARKS[0].length), readme.slice(end)];
}
