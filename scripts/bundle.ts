// Bundles src/cli/main.ts into dist/: main.js, one flat chunk for each part that a command loads on demand, and the
// licences of everything that went in. koffi stays outside: it is a native addon, and the one run-time dependency.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { bundleOptions, readManifest } from "./bundle-options.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

await bundle();

async function bundle(): Promise<void> {
  const { outputFiles, metafile } = await build(bundleOptions(root));
  const licences = bundledPackages(metafile).map((directory) => licenceOf(join(root, directory)));
  const dist = join(root, "dist");
  mkdirSync(dist, { recursive: true });
  for (const file of outputFiles) {
    writeFileSync(file.path, file.contents);
  }
  writeFileSync(join(dist, "THIRD-PARTY-LICENSES.txt"), licences.join(`\n${"-".repeat(78)}\n\n`));
  removeChunksOfEarlierBuilds(dist, new Set(outputFiles.map((file) => basename(file.path))));
}

/** The packages that have code in the bundle, as directories relative to the project. */
function bundledPackages(metafile: Metafile): readonly string[] {
  const inOutput = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  const directories = inOutput.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  return [...new Set(directories)].sort();
}

function removeChunksOfEarlierBuilds(dist: string, current: ReadonlySet<string>): void {
  const isChunk = (name: string) => name.endsWith(".js") || name.endsWith(".js.map");
  for (const name of readdirSync(dist).filter((name) => isChunk(name) && !current.has(name))) {
    rmSync(join(dist, name));
  }
}

function licenceOf(directory: string): string {
  const { name, version, license } = readManifest(directory);
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license"].find((candidate) =>
    existsSync(join(directory, candidate)),
  );
  if (file === undefined) {
    throw new Error(
      `Collecting licences failed: ${name} ${version} (${license}) has no licence file. Ship its text another way, or do not bundle it.`,
    );
  }
  return `${name} ${version} (${license})\n\n${readFileSync(join(directory, file), "utf8").trim()}\n`;
}
