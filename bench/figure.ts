// What a benchmark yields, and how it is shown.

import { type Summary, summarize } from "./statistics.ts";

/** How many decimals say something. */
const DECIMALS = { ms: 1, µs: 2, MiB: 3, "1/s": 0 } as const;

export interface Figure {
  readonly name: string;
  readonly unit: keyof typeof DECIMALS;
  readonly samples: readonly number[];
  /** The median may be as large as this. */
  readonly goal?: number;
}

const COLUMNS = ["count", "min", "p25", "median", "p75", "max"] as const satisfies readonly (keyof Summary)[];

/** A table of all figures. */
export function formatFigures(figures: readonly Figure[]): string {
  const rows = [["", ...COLUMNS, "", " goal"], ...figures.map(formatFigure)];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return rows
    .map(([name = "", ...cells]) => name.padEnd(width) + cells.map((cell) => cell.padStart(10)).join(""))
    .map((line) => line.trimEnd())
    .join("\n");
}

function formatFigure({ name, unit, samples, goal }: Figure): string[] {
  const summary = summarize(samples);
  const cells = COLUMNS.map((column) =>
    column === "count" ? String(summary.count) : summary[column].toFixed(DECIMALS[unit]),
  );
  return [name, ...cells, unit.padEnd(4), goal === undefined ? "" : describeGoal(summary.median, goal)];
}

function describeGoal(value: number, goal: number): string {
  return ` ${goal} ${value <= goal ? "met" : "MISSED"}`;
}
