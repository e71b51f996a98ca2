import { build } from "esbuild";
import { expect, test } from "vitest";
import { bundleOptions } from "../../../scripts/bundle-options.ts";
import { projectRoot } from "../../support/project-files.ts";

test("the YAML parser is loaded where a file is given, and by nothing else", async () => {
  const { metafile } = await build(bundleOptions(projectRoot));
  const outputs = Object.entries(metafile.outputs);
  const withYaml = outputs.flatMap(([path, { inputs }]) =>
    Object.keys(inputs).some((input) => input.includes("node_modules/yaml/")) ? [path] : [],
  );
  expect(withYaml).toHaveLength(1);
  const importers = outputs.flatMap(([path, { imports, inputs }]) =>
    imports
      .filter((entry) => withYaml.includes(entry.path))
      .map((entry) => [
        entry.kind,
        Object.keys(inputs).some((input) => input.endsWith("read-configuration.ts")),
        path,
      ]),
  );
  expect(importers).toEqual([["dynamic-import", true, expect.stringContaining("read-configuration")]]);
}, 60_000);
