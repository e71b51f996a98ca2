import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";
import { bundleOptions } from "../../../scripts/bundle-options.ts";
import { projectRoot } from "../../support/project-files.ts";

test("the YAML parser is loaded where a file is given, and by nothing else", async () => {
  const { metafile } = await build(bundleOptions(projectRoot));
  const loading = Object.keys(metafile.outputs).flatMap((path) => {
    const { entryPoint } = outputOf(metafile, path);
    return entryPoint !== undefined && loadsYaml(metafile, path) ? [entryPoint] : [];
  });
  expect(loading.toSorted()).toEqual([
    "src/commands/dataplane-check.ts",
    "src/commands/dataplane-transform.ts",
    "src/config/files/file-layer.ts",
  ]);
}, 60_000);

/** With all that it loads at once: what it may load later stands in a chunk of its own. */
function loadsYaml(metafile: Metafile, path: string, seen = new Set<string>()): boolean {
  if (seen.has(path)) return false;
  seen.add(path);
  const { inputs, imports } = outputOf(metafile, path);
  if (Object.keys(inputs).some((input) => input.includes("node_modules/yaml/"))) return true;
  return imports.some(
    ({ kind, path: other, external }) =>
      kind === "import-statement" && external !== true && loadsYaml(metafile, other, seen),
  );
}

function outputOf({ outputs }: Metafile, path: string): Metafile["outputs"][string] {
  const output = outputs[path];
  if (output === undefined) throw new Error(`there is no output ${path}`);
  return output;
}
