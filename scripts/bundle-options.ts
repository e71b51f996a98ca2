// How the program is bundled, apart from bundle.ts that does it, so that a test can look at the result.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildOptions } from "esbuild";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

export function bundleOptions(projectRoot: string) {
  return {
    // With this, names in the output are relative to the project: no path of the building machine gets in.
    absWorkingDir: projectRoot,
    entryPoints: { main: "src/cli/main.ts" },
    outdir: "dist",
    // Flat, so that `new URL("./bpf/", import.meta.url)` means dist/bpf/ in every chunk.
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    charset: "utf8",
    external: ["koffi"],
    sourcemap: true,
    // The licences stand in one file of their own instead.
    legalComments: "none",
    // CommonJS inside the bundle (commander, pino) asks for Node's own modules by `require`.
    banner: {
      js: 'import { createRequire as createRequireForBundle } from "node:module"; const require = createRequireForBundle(import.meta.url);',
    },
    define: { __TPROXYCTL_VERSION__: JSON.stringify(readManifest(projectRoot).version) },
    metafile: true,
    write: false,
    logLevel: "warning",
  } as const satisfies BuildOptions;
}

export function readManifest(directory: string): Manifest {
  const parsed: unknown = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  if (!isManifest(parsed)) {
    throw new Error(`Reading ${directory}/package.json failed: it has no name, version and license.`);
  }
  return parsed;
}

function isManifest(value: unknown): value is Manifest {
  return (
    typeof value === "object" &&
    value !== null &&
    ["name", "version", "license"].every((key) => typeof Reflect.get(value, key) === "string")
  );
}
