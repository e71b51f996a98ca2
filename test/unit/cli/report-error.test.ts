import { describe, expect, test } from "vitest";
import { reportError } from "../../../src/cli/report-error.ts";
import { ConfigError, TproxyError } from "../../../src/core/errors.ts";

function report(
  error: unknown,
  argv: readonly string[] = [],
  variables: Record<string, string> = {},
): string {
  let text = "";
  reportError(error, argv, { stderr: { write: (part) => (text += part) }, variables });
  return text;
}

describe("an error that is explained", () => {
  const error = new TproxyError("PROGRAM_REJECTED", "loading tp_connect4: refused", {
    hint: "Do this.",
    log: "line 1\nline 2\n",
    cause: new Error("bpf(BPF_PROG_LOAD): EACCES", { cause: "why" }),
  });

  test("is what, hint and code", () => {
    expect(report(error)).toBe(
      "error: loading tp_connect4: refused\n hint: Do this.\n code: PROGRAM_REJECTED\n",
    );
  });

  test.each([["--verbose"], ["--verbose=true"], ["--verbose=1"]])(
    "has causes and the log with %s",
    (flag) => {
      expect(report(error, ["install", flag])).toBe(
        "error: loading tp_connect4: refused\n hint: Do this.\n code: PROGRAM_REJECTED\n" +
          "cause: bpf(BPF_PROG_LOAD): EACCES\ncause: why\n  log: line 1\n       line 2\n",
      );
    },
  );

  test("has no more with --verbose=false", () => {
    expect(report(error, ["--verbose=false"])).not.toMatch(/cause|log/);
  });

  test("has its stack for those who work on the program", () => {
    expect(report(error, [], { TPROXYCTL_DEBUG: "1" })).toMatch(/ {3}at: TproxyError: .*\n\s+at /);
    expect(report(error, [], { TPROXYCTL_DEBUG: "0" })).not.toMatch(/ at /);
  });

  test("shows the log of a cause, too", () => {
    const outer = new TproxyError("ENGINE_UNAVAILABLE", "no", { cause: error });
    expect(report(outer, ["--verbose"])).toMatch(/ {2}log: line 1/);
  });
});

test("the problems of a configuration have a line each", () => {
  const error = new ConfigError([
    { source: "--a", message: "is wrong" },
    { source: "--b", message: "as well" },
  ]);
  expect(report(error)).toBe("error: --a: is wrong\nerror: --b: as well\n code: CONFIG_INVALID\n");
});

describe("a bug", () => {
  test("asks to be reported", () => {
    expect(report(new TypeError("x is undefined"))).toBe(
      "error: a bug in tproxyctl: x is undefined\n" +
        " hint: Please report it with what the same command prints when TPROXYCTL_DEBUG=1 is set.\n code: INTERNAL\n",
    );
  });
  test("has its stack with --verbose", () => {
    expect(report(new TypeError("x"), ["--verbose"])).toMatch(/ {3}at: TypeError: x\n\s+at /);
  });
  test("may be anything", () => {
    expect(report("text")).toMatch(/a bug in tproxyctl: text\n/);
    expect(report(undefined)).toMatch(/a bug in tproxyctl: undefined\n/);
    expect(report(new AggregateError([], "empty"))).toMatch(/empty/);
  });
});

test("when undoing fails as well, both are shown, in their order", () => {
  const first = new TproxyError("NOT_ROOT", "first");
  const thrown = Object.assign(new Error("suppressed"), {
    suppressed: first,
    error: new TproxyError("LOCKED", "second"),
  });
  expect(report(thrown)).toBe("error: first\n code: NOT_ROOT\nerror: second\n code: LOCKED\n");
});
