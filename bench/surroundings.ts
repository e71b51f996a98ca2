// What else has a say in the figures.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";

export interface Surroundings {
  readonly kernel: string;
  readonly distribution: string;
  readonly processors: string;
  readonly memoryGiB: number;
  readonly node: string;
  readonly iptables: string;
  /** Over the last 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  /** A hash over the program that is measured: whoever builds meanwhile spoils the figures. */
  readonly build: string;
}

export function surroundings(): Surroundings {
  const processors = cpus();
  return {
    kernel: release(),
    distribution: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
    processors: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"} (${arch()})`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    iptables: execFileSync("iptables-nft", ["--version"], { encoding: "utf8" }).trim(),
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
