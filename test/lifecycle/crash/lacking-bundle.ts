// features-program.ts, bundled as the program itself is: from its sources each start of it takes three times as long.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { bundleOptions } from "../../../scripts/bundle-options.ts";
import { projectRoot } from "../../support/project-files.ts";

export class LackingBundle implements Disposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(): Promise<LackingBundle> {
    const bundle = new LackingBundle(mkdtempSync(join(projectRoot, "build/lacking-")));
    try {
      const entryPoints = { main: "test/lifecycle/features-program.ts" };
      await build({ ...bundleOptions(projectRoot), entryPoints, outdir: bundle.#directory, write: true });
      cpSync(join(projectRoot, "dist/bpf"), join(bundle.#directory, "bpf"), { recursive: true });
      return bundle;
    } catch (error) {
      bundle[Symbol.dispose]();
      throw error;
    }
  }

  get program(): string {
    return join(this.#directory, "main.js");
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}
