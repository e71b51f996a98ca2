// The report as Markdown; the pictures stand beside it.

import { outcomesOf } from "../goals.ts";
import type { Results } from "../results.ts";
import { GOALS_INTRODUCTION, INTRODUCTION } from "./explanations.ts";
import { formatCount, formatNumber, formatRatio } from "./numbers.ts";
import { describeRun, outcomeText } from "./outline.ts";
import { type Row, sectionsOf, type Table } from "./sections.ts";

export function markdownOf(results: Results): string {
  const sections = sectionsOf(results).map(({ part, tables }) =>
    [`## ${part.name}`, part.about, ...tables.flatMap(tableAndChart)].join("\n\n"),
  );
  return `${[
    `# Benchmark of tproxyctl, ${results.started.slice(0, 10)}`,
    ...INTRODUCTION,
    describeRun(results).split("\n").join("\\\n"),
    "## Goals",
    GOALS_INTRODUCTION,
    goals(results),
    ...sections,
  ].join("\n\n")}\n`;
}

function goals({ series }: Results): string {
  return grid(
    ["goal", "of", "value", ""],
    outcomesOf(series).map((outcome) => [
      outcome.goal,
      outcome.of,
      outcomeText(outcome),
      outcome.met ? "met" : "**missed**",
    ]),
  );
}

function tableAndChart(table: Table): string[] {
  return [`### ${table.quantity}`, `![${table.quantity}](${table.id}.svg)`, tableText(table)];
}

function tableText({ rows, unit, xTitle }: Table): string {
  const x = xTitle === undefined ? [] : [xTitle];
  return grid(
    ["", ...x, "", unit, "quartiles", "ratio"],
    rows.map((row) => cellsOf(row, xTitle !== undefined)),
  );
}

export function cellsOf({ scenario, candidate, x, summary, ratio }: Row, hasX: boolean): string[] {
  return [
    scenario,
    ...(hasX ? [x === undefined ? "" : formatCount(x)] : []),
    candidate,
    formatNumber(summary.median),
    `${formatNumber(summary.p25)} to ${formatNumber(summary.p75)}`,
    ratio === undefined ? "" : formatRatio(ratio),
  ];
}

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
