// Bundles the checks (guest.ts) into one JavaScript file, given by its path, that a guest runs:
//   bundle.ts build/kernels/guest.js
// Node.js strips types by WebAssembly, whose tier-up crashes now and then in an emulated machine (decision 0020); and each of
// the hundred files would be a wait for the file share. What guest.ts finds by its own place, it finds from build/kernels/ too.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleOptions } from "../../scripts/bundle-options.ts";

const [outfile] = process.argv.slice(2);
if (outfile === undefined)
  throw new Error("reading the arguments: name the file to write, build/kernels/guest.js");
await build({
  ...bundleOptions(fileURLToPath(new URL("../..", import.meta.url))),
  entryPoints: { guest: "test/kernels/guest.ts" },
  outdir: dirname(outfile),
  splitting: false,
  sourcemap: "inline",
  write: true,
});
