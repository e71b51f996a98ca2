import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// What it loads when it runs takes its time on a busy machine, which is none of a test's.
import "../../../src/commands/dataplane-check.ts";
import "../../../src/commands/dataplane-transform.ts";
import { run } from "../../../src/cli/run.ts";

const BEFORE =
  "\ufefftype: Dataplane\nnetworking:\n  address: {{ address }}\n  inbound: [{port: 80}]\n  outbound: [{service: a}]";
const SECTION = "  transparentProxying:\n    redirectPortInbound: 7\n    redirectPortOutbound: 8";
const AFTER = BEFORE.replace("  outbound: [{service: a}]", SECTION);
const PORTS = ["--redirect-inbound-port", "7", "--redirect-outbound-port=8"];

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-dataplane-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A file with this text. */
function file(text: string): string {
  const path = join(directory, "dp.yaml");
  writeFileSync(path, text);
  return path;
}

async function dataplane(argv: readonly string[], stdin = "") {
  let stdout = "";
  let stderr = "";
  const environment = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    stdin: () => Readable.from([stdin]),
    variables: {},
    untilTerminated: () => AbortSignal.abort(),
  };
  const status = await run(["dataplane", ...argv], environment);
  return { status, stdout, stderr };
}

describe("transform", () => {
  test("to stdout, to the byte; what was done to stderr", async () => {
    const path = file(BEFORE);
    const { status, stdout, stderr } = await dataplane(["transform", ...PORTS, path]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: AFTER });
    expect(stderr).toContain(`${path}:2: networking.outbound is gone\n`);
    expect(readFileSync(path, "utf8")).toBe(BEFORE);
  });
  test("from stdin", async () => {
    const result = await dataplane(["transform", "-", ...PORTS], BEFORE);
    expect(result).toMatchObject({ status: 0, stdout: AFTER });
  });
  test.each([["-i"], ["--in-place"]])("%s writes the file, and nothing to stdout", async (flag) => {
    const path = file(BEFORE);
    expect(await dataplane(["transform", flag, path, ...PORTS])).toMatchObject({ status: 0, stdout: "" });
    expect(readFileSync(path, "utf8")).toBe(AFTER);
    const again = await dataplane(["transform", flag, path, ...PORTS]);
    expect(again).toEqual({
      status: 0,
      stdout: "",
      stderr: `${path}:2: is transparent already: unchanged\n`,
    });
  });
  test("options reach it", async () => {
    const options = ["--ip-family-mode=ipv4", "--reachable-services"];
    const { stdout } = await dataplane(["transform", "-", ...PORTS, ...options], BEFORE);
    expect(stdout).toContain("    ipFamilyMode: IPv4\n    reachableServices:\n      - a");
  });
  test.each([
    [["transform", "-i", "-"], "--in-place needs a file"],
    [["transform"], "missing required argument 'file'"],
    [["transform", "-", "--redirect-inbound-port=x"], '--redirect-inbound-port: "x" is not a port'],
    [["transform", "/nowhere.yaml"], "/nowhere.yaml cannot be read: there is no such file"],
    [["transform", "-", ...PORTS], "stdin:1:1: there is no Dataplane in it"],
    [["install", "-i"], "unknown command 'install'"],
  ])("%j is refused", async (argv, message) => {
    const { status, stdout, stderr } = await dataplane(argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(`error: ${message}`);
  });
});

describe("check", () => {
  test("says what it compared with, a line for each finding, and how it is", async () => {
    const path = file(AFTER);
    const { status, stdout, stderr } = await dataplane([
      "check",
      path,
      "--redirect-outbound-port=9",
      "--redirect-inbound-port=7",
    ]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(stdout.split("\n")).toEqual([
      "compared with the options given: inbound to port 7, outbound to port 9, IPv4 and IPv6",
      `${path}:7:5: error: networking.transparentProxying.redirectPortOutbound: is 8, and outbound connections are redirected to 9; write redirectPortOutbound: 9, or install with --redirect-outbound-port 8`,
      `${path} does not fit: 1 error, 0 warnings`,
      "",
    ]);
  });
  test("warnings do not count; values fill placeholders in", async () => {
    const values = ["--dataplane-var", "address=127.0.0.1,x=y", "--dataplane-var=z=1,2"];
    const { status, stdout } = await dataplane(["check", "-", "--json", ...PORTS, ...values], AFTER);
    const { findings, ...rest } = JSON.parse(stdout);
    expect({ status, ...rest }).toEqual({
      status: 0,
      file: "stdin",
      fits: true,
      comparedWith: {
        description: "the options given",
        inbound: { redirect: true, port: 7 },
        outbound: { redirect: true, port: 8 },
        ipv6: true,
      },
    });
    expect(
      findings.map(({ line, severity, path }: Record<string, unknown>) => [line, severity, path]),
    ).toEqual([
      [1, "warning", ""],
      [1, "warning", ""],
      [3, "warning", "networking.address"],
    ]);
  });
  test.each([
    [["check", "-", "--dataplane-var=address", ...PORTS], '--dataplane-var: "address" has no name and value'],
    [["check", "-", ...PORTS], "stdin:1:1: there is no Dataplane"],
    [["check", "-", "--config", "/nowhere.yaml"], "--config: /nowhere.yaml: cannot be read"],
  ])("%j is refused", async (argv, message) => {
    const { status, stdout, stderr } = await dataplane(argv);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(`error: ${message}`);
  });
});
