// Compares what guests printed with what is written down of each kernel, or writes it down: into results.json, and the table of
// the README. Exit status 1: something differs.
//   record.ts [--write] FILE…

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/project-files.ts";
import { readReport } from "./rows.ts";
import { judgeAll, type Results, renderTable, versionOf, withTable } from "./table.ts";

const RESULTS = join(import.meta.dirname, "results.json");
const README = join(projectRoot, "README.md");

const args = process.argv.slice(2);
process.exitCode = main(
  args.includes("--write"),
  args.filter((arg) => arg !== "--write"),
);

function main(write: boolean, files: readonly string[]): number {
  const known = JSON.parse(readFileSync(RESULTS, "utf8")) as Results;
  const found = Object.fromEntries(
    files.map(readReport).flatMap((report) => {
      return report.kernel === undefined ? [] : [[versionOf(report.kernel), judgeAll(report)] as const];
    }),
  );
  console.log(`\n${renderTable(found)}\n`);
  if (write) {
    const all = { ...known, ...found };
    writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
    writeFileSync(README, withTable(readFileSync(README, "utf8"), renderTable(all)));
    return 0;
  }
  const differences = Object.entries(found).flatMap(([version, columns]) =>
    Object.entries(columns)
      .map(([name, state]) => ({ name, state, before: Reflect.get(known[version] ?? {}, name) }))
      .filter(({ state, before }) => state !== "not tried" && before !== state)
      .map(
        ({ name, state, before }) =>
          `Linux ${version}, ${name}: ${state}, where the README says ${before ?? "nothing"}`,
      ),
  );
  for (const line of differences) console.error(line);
  return differences.length === 0 ? 0 : 1;
}
