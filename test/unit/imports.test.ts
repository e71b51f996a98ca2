import { describe, expect, test } from "vitest";
import { importViolations, type Source } from "../support/import-rules.ts";
import { filesBelow, readProjectFile } from "../support/project-files.ts";

const PACKAGES = { runtime: ["koffi"], bundled: ["commander", "zod"] };

/** One importing file, and empty files for it to import. */
function check(path: string, text: string, ...others: string[]): readonly string[] {
  const sources: Source[] = [{ path, text }, ...others.map((other) => ({ path: other, text: "export {};" }))];
  return importViolations(sources, PACKAGES);
}

test("the imports of src/ point down only", () => {
  const manifest = JSON.parse(readProjectFile("package.json"));
  const sources = filesBelow("src", ".ts").map((path) => ({ path, text: readProjectFile(path) }));
  expect(sources.length).toBeGreaterThan(0);
  expect(
    importViolations(sources, {
      runtime: Object.keys(manifest.dependencies),
      bundled: Object.keys(manifest.devDependencies),
    }),
  ).toEqual([]);
}, 60_000);

describe("the direction of imports", () => {
  const allowed = [
    ["native", "core"],
    ["bpf", "native"],
    ["host", "native"],
    ["config", "core"],
    ["plan", "config"],
    ["engine", "plan"],
    ["engine", "bpf"],
    ["engine", "host"],
    ["dataplane", "plan"],
    ["observe", "engine"],
    ["commands", "observe"],
    ["commands", "dataplane"],
    ["commands", "core"],
    ["cli", "commands"],
  ];
  test.each(allowed)("%s may import %s", (from, to) => {
    expect(check(`src/${from}/a.ts`, `import { b } from "../${to}/b.ts";`, `src/${to}/b.ts`)).toEqual([]);
  });

  const forbidden = [
    ["core", "native"],
    ["native", "bpf"],
    ["native", "host"],
    ["bpf", "host"],
    ["host", "bpf"],
    ["config", "host"],
    ["plan", "host"],
    ["plan", "engine"],
    ["engine", "native"],
    ["engine", "observe"],
    ["dataplane", "host"],
    ["dataplane", "engine"],
    ["engine", "dataplane"],
    ["observe", "commands"],
    ["commands", "cli"],
  ];
  test.each(forbidden)("%s may not import %s", (from, to) => {
    expect(check(`src/${from}/a.ts`, `import { b } from "../${to}/b.ts";`, `src/${to}/b.ts`)).toEqual([
      `src/${from}/a.ts: ${from} may not import ${to} (../${to}/b.ts)`,
    ]);
  });

  const forms = [
    'import "../cli/b.ts";',
    'import * as b from "../cli/b.ts";',
    'import type { B } from "../cli/b.ts";',
    'import { type B } from "../cli/b.ts";',
    'export { b } from "../cli/b.ts";',
    'export type { B } from "../cli/b.ts";',
    'export * from "../cli/b.ts";',
    'const b = await import("../cli/b.ts");',
    'type B = import("../cli/b.ts").B;',
    'const b = require("../cli/b.ts");',
  ];
  test.each(forms)("is held in the form %s", (text) => {
    expect(check("src/core/a.ts", text, "src/cli/b.ts")).toEqual([
      "src/core/a.ts: core may not import cli (../cli/b.ts)",
    ]);
  });

  test("counts the directory below src, at any depth", () => {
    expect(
      check("src/engine/ebpf/a.ts", 'import { b } from "../../native/b.ts";', "src/native/b.ts"),
    ).toHaveLength(1);
    expect(
      check("src/engine/ebpf/a.ts", 'import { b } from "../iptables/b.ts";', "src/engine/iptables/b.ts"),
    ).toEqual([]);
  });

  test("does not take text for an import", () => {
    expect(check("src/core/a.ts", '// import "../cli/b.ts"\nconst a = `import "../cli/b.ts"`;')).toEqual([]);
  });

  test.each([
    ["an import that is computed", 'await import("../" + name);', "only known when it runs"],
    ["a file outside of src", 'import { a } from "../../test/a.ts";', "outside of src/"],
    ["a file that does not exist", 'import { a } from "./nowhere.ts";', "does not exist"],
    ["a package that is not declared", 'import a from "left-pad";', "does not declare"],
  ])("refuses %s", (_, text, problem) => {
    expect(check("src/core/a.ts", text)).toEqual([expect.stringContaining(problem)]);
  });

  test("refuses a file that is in no layer", () => {
    expect(check("src/util/a.ts", "")).toHaveLength(1);
    expect(check("src/a.ts", "")).toHaveLength(1);
  });

  test("names the file that cannot be read", () => {
    expect(() => check("src/core/a.ts", "import {")).toThrow("src/core/a.ts");
  });
});

describe("packages", () => {
  test("only native may import koffi", () => {
    const text = 'import koffi from "koffi";';
    expect(check("src/native/a.ts", text)).toEqual([]);
    expect(check("src/bpf/a.ts", text)).toEqual(["src/bpf/a.ts: only native may import koffi"]);
    expect(check("src/bpf/a.ts", 'import type { TypeObject } from "koffi/types";')).toHaveLength(1);
  });

  test("what is declared may be imported, and Node's own modules", () => {
    expect(
      check("src/cli/a.ts", 'import { Command } from "commander"; import { join } from "node:path";'),
    ).toEqual([]);
  });
});

describe("stdout", () => {
  const writes = [
    'process.stdout.write("x");',
    "const { stdout } = process; globalThis.process.stdout.end();",
    'process["stdout"].write("x");',
    'import { stdout } from "node:process"; stdout.write("x");',
    'console.log("x");',
    "globalThis.console.table([]);",
  ];
  test.each(writes)("only commands and cli write to it: %s", (text) => {
    expect(check("src/engine/a.ts", text)).toHaveLength(1);
    expect(check("src/commands/a.ts", text)).toEqual([]);
    expect(check("src/cli/a.ts", text)).toEqual([]);
  });

  test("the output of another process and stderr are something else", () => {
    const text = 'const { stdout } = await run(); child.stdout.on("data", f); console.error(process.stderr);';
    expect(check("src/engine/a.ts", text)).toEqual([]);
  });
});
