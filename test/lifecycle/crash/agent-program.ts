// Runs in a namespace with a /run of its own, as long as its stdin is open. Takes requests, one JSON a line, and answers in
// their order: it does what would otherwise cost a process of Node.js each time.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { run } from "../../../src/cli/run.ts";
import type { Features } from "../../../src/engine/ebpf/features.ts";
import { TPNET } from "../../support/world.ts";
import { commandsWith } from "../install-lacking.ts";
import { fingerprint, type Look } from "./fingerprint.ts";
import { measure } from "./measure.ts";

export type Request =
  | { readonly do: "look"; readonly look: Look }
  | { readonly do: "measure" }
  | { readonly do: "run"; readonly args: readonly string[]; readonly lacks?: Partial<Features> }
  | { readonly do: "kill"; readonly options: readonly string[]; readonly command: readonly string[] };

const directory = mkdtempSync(join(tmpdir(), "tproxyctl-agent-"));
process.on("exit", () => rmSync(directory, { recursive: true }));

for await (const line of createInterface({ input: process.stdin })) {
  const request: Request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await answer(request))}\n`);
}

async function answer(request: Request): Promise<unknown> {
  if (request.do === "look") return fingerprint(request.look);
  if (request.do === "measure") return measure();
  if (request.do === "run") return runHere(request.args, request.lacks);
  return kill(request.options, request.command);
}

/** A command of tproxyctl, in this process. */
async function runHere(args: readonly string[], lacks: Partial<Features> | undefined): Promise<unknown> {
  const said: { stdout: string[]; stderr: string[] } = { stdout: [], stderr: [] };
  const environment = {
    stdout: { write: (text: string) => said.stdout.push(text) },
    stderr: { write: (text: string) => said.stderr.push(text) },
    stdin: () => process.stdin,
    variables: process.env,
    untilTerminated: () => new AbortController().signal,
  };
  const exitCode = await run(args, environment, lacks === undefined ? COMMANDS : commandsWith(lacks));
  return { stdout: said.stdout.join(""), stderr: said.stderr.join(""), exitCode };
}

/** A process, which `tpnet kill-at` kills as `options` say; its calls so far. */
async function kill(options: readonly string[], command: readonly string[]): Promise<unknown> {
  const report = join(directory, "report");
  const args = ["kill-at", "--report", report, ...options, "--", ...command];
  const { exitCode, stdout, stderr } = await execa(TPNET, args, {
    reject: false,
    timeout: 180_000,
    stdin: "ignore",
  });
  const lines = readFileSync(report, "utf8").split("\n");
  return {
    exitCode,
    stdout,
    stderr,
    report: lines.filter((line) => line !== "").map((line) => JSON.parse(line)),
  };
}
