// Runs the parts of the test suite one after the other and sums them up. Called by ./scripts/test.
//   --whole   also what is tried very often is tried to its whole extent (test/support/extent.ts)

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readReport } from "../test/kernels/rows.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name: string) => join(root, "node_modules/.bin", name);

/** Parts that are one check each; all others but the last are vitest's projects of the same name. */
const CHECKS: Readonly<Record<string, readonly string[]>> = {
  lint: [bin("biome"), "check", "--error-on-warnings"],
  types: [bin("tsc")],
};
const PARTS = [
  "lint",
  "types",
  "unit",
  "native",
  "conformance",
  "load",
  "lifecycle",
  "envoy",
  "demo",
  "kernels",
] as const;
type Part = (typeof PARTS)[number];

/**
 * The last part: the oldest kernel, which is the one that lacks most; --whole: the others, too, if the whole stays within an
 * hour by that. Of each a part: ./scripts/test-kernels has the rest.
 */
const KERNELS = { oldest: ["5.10"], all: ["5.10", "6.1", "6.12", "7", "own"] } as const;
const ALL_KERNELS_WITHIN_MINUTES = 45;
/** How test-kernels says that this machine cannot do it. */
const CANNOT = 77;

interface Outcome {
  readonly part: Part;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What failed, and how: what a reader of the end alone wants to know. */
  readonly failures: readonly string[];
}

/** How much of what a failed test says is repeated at the end. */
const REPEATED_LINES = 30;

const WHOLE = "--whole";

process.exitCode = main(process.argv.slice(2));

function main(args: readonly string[]): number {
  const names = args.filter((arg) => arg !== WHOLE);
  // The tests' own processes inherit it.
  if (args.includes(WHOLE)) process.env.TPROXYCTL_TEST_WHOLE = "1";
  const unknown = names.filter((name) => !isPart(name));
  if (unknown.length > 0) {
    console.error(
      `test: there is no part ${unknown.join(", ")}; the parts are: ${PARTS.join(" ")}; --whole takes what is tried often to its end`,
    );
    return 2;
  }
  const outcomes = PARTS.filter((part) => names.length === 0 || names.includes(part)).map(run);
  for (const { failures } of outcomes) for (const each of failures) console.log(`\n${each}`);
  console.log(`\n${table(outcomes)}\n`);
  const passed = sum(outcomes, "passed");
  const failed = sum(outcomes, "failed");
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function run(part: Part): Outcome {
  console.log(`\n=== ${part}`);
  const started = performance.now();
  const check = CHECKS[part];
  const counts = check !== undefined ? runCheck(check) : part === "kernels" ? runKernels() : runProject(part);
  const seconds = (performance.now() - started) / 1000;
  const verdict = counts.failed > 0 ? "FAILED" : counts.passed > 0 ? "ok" : "SKIPPED";
  console.log(`=== ${part}: ${verdict} in ${seconds.toFixed(1)} s`);
  return { part, ...counts, seconds };
}

function runCheck(command: readonly string[]) {
  const succeeded = execute(command);
  const failures = succeeded ? [] : [`FAILED: ${command.join(" ")}, see above`];
  return { passed: succeeded ? 1 : 0, failed: failures.length, skipped: 0, failures };
}

/** Where kernels cannot be tried, CI must not think that they were. */
function runKernels() {
  const kernels = kernelsToTry();
  const status = runToEnd([join(root, "scripts/test-kernels"), "--brief", ...kernels]);
  if (status === CANNOT && process.env.CI !== "true")
    return { passed: 0, failed: 0, skipped: 1, failures: [] };
  const rows = status === CANNOT ? [] : kernels.flatMap(rowsOf);
  const failures = rows
    .filter(({ ok }) => !ok)
    .map(
      ({ kernel, group, check, detail }) => `FAILED: kernels: Linux ${kernel}: ${group}: ${check}\n${detail}`,
    );
  if (status !== 0 && failures.length === 0) failures.push("FAILED: kernels, see above");
  return { passed: rows.filter(({ ok }) => ok).length, failed: failures.length, skipped: 0, failures };
}

function kernelsToTry(): readonly string[] {
  if (process.env.TPROXYCTL_TEST_WHOLE !== "1") return KERNELS.oldest;
  const minutes = performance.now() / 60_000;
  if (minutes < ALL_KERNELS_WITHIN_MINUTES) return KERNELS.all;
  console.log(
    `only ${KERNELS.oldest}, since the tests took ${Math.round(minutes)} min; all: ./scripts/test-kernels`,
  );
  return KERNELS.oldest;
}

function rowsOf(kernel: string) {
  const path = join(root, "build/kernels", `${kernel}.jsonl`);
  return existsSync(path) ? readReport(path).rows.map((row) => ({ ...row, kernel })) : [];
}

function runProject(project: Part) {
  const report = join(root, "build/test-results", `${project}.json`);
  mkdirSync(join(report, ".."), { recursive: true });
  rmSync(report, { force: true });
  const succeeded = execute([
    bin("vitest"),
    "run",
    // Node reads the configuration itself: no temporary file, so that another user can run the tests too
    "--configLoader=native",
    `--project=${project}`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ]);
  // vitest writes no report when it found no test file, and has said so itself
  const result: unknown = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
  const counts = readCounts(result);
  const failures = readFailures(result).map((each) => `FAILED: ${project}: ${each}`);
  if (!succeeded && failures.length === 0) failures.push(`FAILED: ${project}, see above`);
  // A file that cannot be loaded, or a project without one, fails without a failed test.
  return { ...counts, failed: Math.max(counts.failed, succeeded ? 0 : 1), failures };
}

function readCounts(result: unknown) {
  return {
    passed: numberIn(result, "numPassedTests"),
    failed: numberIn(result, "numFailedTests"),
    skipped: numberIn(result, "numPendingTests") + numberIn(result, "numTodoTests"),
  };
}

/** Of vitest's report (that of jest): each failed test's name and message, and the message of a file that has none. */
function readFailures(result: unknown): string[] {
  return listIn(result, "testResults").flatMap((file) => {
    const failed = listIn(file, "assertionResults").filter((test) => textIn(test, "status") === "failed");
    const name = relative(root, textIn(file, "name"));
    if (failed.length === 0 && textIn(file, "status") === "failed")
      return [`${name}\n${textIn(file, "message")}`];
    return failed.map((test) => {
      const lines = listIn(test, "failureMessages").join("\n").split("\n");
      const ours = lines.filter((line) => !line.includes("/node_modules/")).slice(0, REPEATED_LINES);
      return [`${name}: ${textIn(test, "fullName")}`, ...ours].join("\n");
    });
  });
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const found = fieldOf(value, key);
  return Array.isArray(found) ? found : [];
}

function textIn(value: unknown, key: string): string {
  const found = fieldOf(value, key);
  return typeof found === "string" ? found : "";
}

function numberIn(value: unknown, key: string): number {
  const found = fieldOf(value, key);
  return typeof found === "number" ? found : 0;
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

function execute(command: readonly string[]): boolean {
  return runToEnd(command) === 0;
}

/** Returns its exit status; null where a signal ended it, or it could not be started. */
function runToEnd(command: readonly string[]): number | null {
  const [file = "", ...args] = command;
  const { error, status, signal } = spawnSync(file, args, { cwd: root, stdio: "inherit" });
  if (error !== undefined) {
    console.error(`test: starting ${file} failed: ${error.message}; run ./scripts/setup`);
  }
  if (signal !== null) {
    console.error(`test: ${file} was ended by ${signal}`);
  }
  return status;
}

function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ part, passed, failed, skipped, seconds }) => [
    part,
    String(passed),
    String(failed),
    String(skipped),
    `${seconds.toFixed(1)} s`,
  ]);
  return [["part", "passed", "failed", "skipped", "time"], ...rows]
    .map(([part = "", ...cells]) => part.padEnd(12) + cells.map((cell) => cell.padStart(9)).join(""))
    .join("\n");
}

function sum(outcomes: readonly Outcome[], key: "passed" | "failed"): number {
  return outcomes.reduce((total, outcome) => total + outcome[key], 0);
}

function isPart(name: string): name is Part {
  return PARTS.some((part) => part === name);
}
