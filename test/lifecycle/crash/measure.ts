// What grows where something is not let go: of the kernel, and of this process.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Measured {
  /** Of the whole machine, in KiB: what the kernel has for itself and never gives back by itself. */
  readonly kernel: Readonly<Record<string, number>>;
  /** Of this process. */
  readonly openFiles: number;
  /** The settings of this network namespace: `<path> <text>`. */
  readonly settings: readonly string[];
}

/** BPF programs and large maps are in vmalloc's area, small ones are slabs, per-CPU maps have a place of their own. */
const KERNEL = ["SUnreclaim", "Percpu", "VmallocUsed", "KernelStack"] as const;

export function measure(): Measured {
  const meminfo = readFileSync("/proc/meminfo", "utf8");
  return {
    kernel: Object.fromEntries(KERNEL.map((name) => [name, kilobytes(meminfo, name)])),
    openFiles: readdirSync("/proc/self/fd").length,
    settings: [...settingsBelow("/proc/sys/net/ipv4"), ...settingsBelow("/proc/sys/net/ipv6")],
  };
}

function kilobytes(text: string, name: string): number {
  const value = new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`there is no ${name}`);
  return Number(value);
}

function settingsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
    .map((path) => `${path} ${read(path)}`);
}

/** Some can only be written to, some not be read before they are set. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "not to be read";
  }
}
