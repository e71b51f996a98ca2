// House rules that neither Biome nor the compiler holds.

import { isBuiltin } from "node:module";
import { dirname } from "node:path";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { bundleOptions } from "../../scripts/bundle-options.ts";
import { missingCapabilities, missingFilesystems } from "../support/privileges.ts";
import { filesBelow, projectRoot, readProjectFile } from "../support/project-files.ts";

const LONGEST_SOURCE = 250;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)+$/;

test(`no source that people write has more than ${LONGEST_SOURCE} lines`, () => {
  const written = filesBelow("src", ".ts").filter((path) => !path.endsWith(".gen.ts"));
  const tooLong = [...written, ...filesBelow("scripts")].filter(
    (path) => readProjectFile(path).trimEnd().split("\n").length > LONGEST_SOURCE,
  );
  expect(tooLong).toEqual([]);
});

test("names of sources are in kebab-case, C and data included", () => {
  const names = ["src", "bpf", "test"].flatMap((directory) => filesBelow(directory));
  const bad = names.filter((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return !KEBAB_CASE.test(name) && !["Makefile", "README.md", ".gitignore"].includes(name);
  });
  expect(bad).toEqual([]);
});

test("the directories of test/unit are those of src", () => {
  const directoriesOf = (top: string, ending: string) =>
    new Set(filesBelow(top, ending).map((path) => dirname(path).slice(top.length)));
  const sources = directoriesOf("src", ".ts");
  expect(
    [...directoriesOf("test/unit", ".test.ts")].filter((path) => path !== "" && !sources.has(path)),
  ).toEqual([]);
});

describe("scripts", () => {
  const scripts = [...filesBelow("scripts"), ...filesBelow(".ci")].filter((path) =>
    readProjectFile(path).startsWith("#!/usr/bin/env bash"),
  );

  test.each(scripts)("%s stops at the first error", (path) => {
    expect(readProjectFile(path)).toMatch(/^set -euo pipefail$/m);
  });
});

describe("what is installed", () => {
  test("has one run-time dependency, and every version is exact", () => {
    const { dependencies, devDependencies } = JSON.parse(readProjectFile("package.json"));
    expect(Object.keys(dependencies)).toEqual(["koffi"]);
    for (const version of Object.values({ ...dependencies, ...devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  test("is locked by content, not by where it was downloaded", () => {
    const { packages } = JSON.parse(readProjectFile("package-lock.json"));
    const { "": own, ...others } = packages;
    expect(own.version).toBe(JSON.parse(readProjectFile("package.json")).version);
    for (const [path, entry] of Object.entries(others)) {
      expect(entry, path).toHaveProperty("integrity");
      expect(entry, path).not.toHaveProperty("resolved");
    }
  });

  // A registry that lacks one makes npm leave it out of the lock file, and npm ci refuses that everywhere.
  test("is locked for every platform", () => {
    const { packages } = JSON.parse(readProjectFile("package-lock.json"));
    const locked = new Set(
      Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13)),
    );
    const entries: readonly { optionalDependencies?: Record<string, string> }[] = Object.values(packages);
    const optional = entries.flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(optional.filter((name) => !locked.has(name))).toEqual([]);
  });
});

describe("the bundle", () => {
  const bundled = build(bundleOptions(projectRoot));

  test("holds no path of the machine that built it", async () => {
    const { outputFiles } = await bundled;
    const ownPath = new RegExp(`(?<![\\w./-])${projectRoot.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);
    const leaks = outputFiles.filter(({ text }) => ownPath.test(text)).map(({ path }) => path);
    expect(leaks).toEqual([]);
  });

  test("leaves out koffi alone", async () => {
    const { metafile } = await bundled;
    const external = Object.values(metafile.outputs)
      .flatMap(({ imports }) => imports)
      .filter((entry) => entry.external === true && !isBuiltin(entry.path))
      .map(({ path }) => path);
    expect([...new Set(external)].filter((path) => path !== "koffi")).toEqual([]);
  });

  // It would work from the sources and break here: in the bundle all its names are below `default`. Import it
  // statically in a file of your own, and load that one lazily.
  test("loads no CommonJS package by import()", async () => {
    const { inputs } = (await bundled).metafile;
    const lazy = Object.entries(inputs)
      .filter(([path]) => path.startsWith("src/"))
      .flatMap(([path, { imports }]) =>
        imports
          .filter((entry) => entry.kind === "dynamic-import" && inputs[entry.path]?.format === "cjs")
          .map((entry) => `${path} loads ${entry.original}`),
      );
    expect(lazy).toEqual([]);
  });
});

describe("what privileged tests need", () => {
  test("is read from /proc", () => {
    expect(missingCapabilities("CapEff:\t000001ffffffffff\n")).toEqual([]);
    expect(missingCapabilities("CapEff:\t0000000000000000\n")).toHaveLength(4);
    expect(missingFilesystems("nodev\tcgroup2\nnodev\tbpf\n\text4\n")).toEqual([]);
    expect(missingFilesystems("nodev\tcgroup\n\text4\n")).toHaveLength(2);
  });
});
