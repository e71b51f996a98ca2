import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findProgram, run, runToEnd } from "../../../src/host/exec.ts";

const directory = mkdtempSync(join(tmpdir(), "hst-exec-"));
afterAll(() => rmSync(directory, { recursive: true }));

function script(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("a program that is run", () => {
  test("gives back both of its outputs", async () => {
    expect(await run(script("both", "echo out; echo err >&2"), [])).toEqual({ stdout: "out", stderr: "err" });
  });

  test("gets its arguments as they are, without a shell", async () => {
    const { stdout } = await run(script("args", 'printf "[%s]" "$@"'), ["$(id)", "a b", ""]);
    expect(stdout).toBe("[$(id)][a b][]");
  });

  test("gets the input, or none", async () => {
    const cat = script("cat", "exec /bin/cat");
    expect((await run(cat, [], { input: "text\n" })).stdout).toBe("text");
    expect((await run(cat, [])).stdout).toBe("");
  });

  test("sees no variable of ours but those that it is given", async () => {
    process.env.HST_SECRET = "1";
    const { stdout } = await run("env", [], { env: { XTABLES_LOCKFILE: "/tmp/lock" } });
    const names = stdout.split("\n").map((line) => line.split("=")[0]);
    expect(names.sort()).toEqual(["LC_ALL", "PATH", "XTABLES_LOCKFILE"]);
    expect(stdout).toContain("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
  });
});

describe("a failure", () => {
  test("holds the program's own words and its exit status", async () => {
    await expect(run(script("bad", "echo no such thing >&2; exit 3"), ["x"])).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringMatching(/bad x: exit status 3: no such thing$/),
      log: "no such thing",
    });
  });

  test("that says a lot is cut short in the message alone", async () => {
    const error: unknown = await run(script("much", "yes words | head -n 5000 >&2; exit 1"), []).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({
      message: expect.stringMatching(/…$/),
      log: expect.stringMatching(/^(words\n?){5000}$/),
    });
  });

  test("names the signal", async () => {
    await expect(run(script("dies", "kill -9 $$"), [])).rejects.toThrow(/killed by SIGKILL$/);
  });

  test("names the time that was not enough", async () => {
    const started = performance.now();
    await expect(run("sleep", ["30"], { timeoutMs: 100 })).rejects.toThrow(
      "sleep 30: did not end within 0.1 s",
    );
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("of a program that cannot be started says so", async () => {
    const path = join(directory, "garbage");
    writeFileSync(path, "#!/nowhere/interpreter\n");
    chmodSync(path, 0o755);
    await expect(run(path, [])).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringMatching(/could not be run/),
    });
  });
});

describe("a program whose end is looked at", () => {
  test.each<[string, string, number | undefined, string]>([
    ["well", "echo out; echo err >&2", 0, "exit status 0"],
    ["badly", "echo out; echo err >&2; exit 3", 3, "exit status 3"],
    ["killed", "echo out; echo err >&2; kill -9 $$", undefined, "killed by SIGKILL"],
  ])("%s: tells all of it and throws nothing", async (name, text, exitCode, ending) => {
    expect(await runToEnd(script(`ends-${name}`, text), [])).toEqual({
      succeeded: exitCode === 0,
      stdout: "out",
      stderr: "err",
      exitCode,
      ending,
      cause: undefined,
    });
  });

  test("does not end in time", async () => {
    expect(await runToEnd("sleep", ["30"], { timeoutMs: 100 })).toMatchObject({
      succeeded: false,
      exitCode: undefined,
      ending: "did not end within 0.1 s",
    });
  });

  test("leaves a long input unread", async () => {
    const ended = await runToEnd(script("deaf", "exit 2"), [], { input: "rule\n".repeat(1_000_000) });
    expect(ended).toMatchObject({ succeeded: false, exitCode: 2, ending: "exit status 2" });
  });
});

describe("a program that is missing", () => {
  test.each([
    ["ip6tables-nowhere", "iptables"],
    ["/nowhere/nft", "nftables"],
  ])("%s: says which package has it", async (program, name) => {
    await expect(run(program, [])).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining(`cannot run ${program}: there is no such program`),
      hint: expect.stringContaining(`apt-get install ${name}`),
    });
  });

  test("is not looked for in the caller's PATH", () => {
    script("hst-only-here", "");
    process.env.PATH = `${directory}:${process.env.PATH}`;
    expect(findProgram("hst-only-here")).toBeUndefined();
    expect(findProgram("sh")).toMatch(/^\/(usr\/)?s?bin\/sh$/);
  });
});
