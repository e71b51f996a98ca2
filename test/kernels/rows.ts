// What a guest printed.

import { readFileSync } from "node:fs";
import type { Row } from "./columns.ts";

export interface Report {
  /** Undefined: the guest did not come so far. */
  readonly kernel: string | undefined;
  readonly rows: readonly Row[];
}

/** Reads a file of rows. Lines that are none, the kernel's own words for example, are passed over. */
export function readReport(path: string): Report {
  const lines = readFileSync(path, "utf8").split("\n").flatMap(parse);
  const begins = lines.filter((line) => "kernel" in line);
  return {
    kernel: begins.map(({ kernel }) => String(kernel)).at(0),
    rows: lines.filter((line) => "check" in line) as unknown as Row[],
  };
}

function parse(line: string): Record<string, unknown>[] {
  if (!line.startsWith("{")) return [];
  try {
    return [JSON.parse(line) as Record<string, unknown>];
  } catch {
    return []; // the machine ended in the middle of it
  }
}
