// What else has a say in the figures.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { arch, cpus, hostname, loadavg, release } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";

export interface Surroundings {
  readonly host: string;
  readonly kernel: string;
  readonly processors: string;
  readonly node: string;
  /** Over the last 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  /** A hash over the program that is measured: whoever builds meanwhile spoils the figures. */
  readonly build: string;
}

export function surroundings(): Surroundings {
  const processors = cpus();
  return {
    host: hostname(),
    kernel: release(),
    processors: `${processors.length} × ${processors[0]?.model ?? "unknown"} (${arch()})`,
    node: process.version,
    load: loadavg().map((each) => Number(each.toFixed(2))),
    build: hashOfBuild(),
  };
}

function hashOfBuild(): string {
  const hash = createHash("sha256");
  const dist = join(projectRoot, "dist");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).sort();
  for (const file of files.filter((name) => /\.(?:js|o)$/.test(name)))
    hash.update(readFileSync(join(dist, file)));
  return hash.digest("hex").slice(0, 12);
}
