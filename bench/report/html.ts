// The report as one HTML file: the pictures are in it.

import { outcomesOf } from "../goals.ts";
import type { Results } from "../results.ts";
import { GOALS_INTRODUCTION, INTRODUCTION } from "./explanations.ts";
import { cellsOf } from "./markdown.ts";
import { describeRun, outcomeText } from "./outline.ts";
import { sectionsOf, type Table } from "./sections.ts";

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
.missed { color: #a00; font-weight: bold; }
svg { max-width: 100%; height: auto; }
summary { cursor: pointer; color: #555; }
`;

/** @param pictures the SVG of each table, by its id */
export function htmlOf(results: Results, pictures: ReadonlyMap<string, string>): string {
  const title = `Benchmark of tproxyctl, ${results.started.slice(0, 10)}`;
  const sections = sectionsOf(results).map(({ part, tables }) =>
    [
      `<h2 id="${slug(part.name)}">${escapeHtml(part.name)}</h2>`,
      `<p>${escapeHtml(part.about)}</p>`,
      ...tables.map((table) => tableAndChart(table, pictures)),
    ].join("\n"),
  );
  const contents = results.parts.map(({ name }) => `<a href="#${slug(name)}">${escapeHtml(name)}</a>`);
  return [
    "<!doctype html>",
    `<html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style></head><body>`,
    `<h1>${title}</h1>`,
    ...INTRODUCTION.map((text) => `<p>${escapeHtml(text)}</p>`),
    `<p>${describeRun(results).split("\n").map(escapeHtml).join("<br>")}</p>`,
    `<p>${contents.join(" · ")}</p>`,
    "<h2>Goals</h2>",
    `<p>${escapeHtml(GOALS_INTRODUCTION)}</p>`,
    goals(results),
    ...sections,
    "</body></html>",
    "",
  ].join("\n");
}

function goals({ series }: Results): string {
  const rows = outcomesOf(series).map((outcome) => {
    const verdict = outcome.met ? "<td>met</td>" : '<td class="missed">missed</td>';
    return `<tr>${[outcome.goal, outcome.of, outcomeText(outcome)].map(cell).join("")}${verdict}</tr>`;
  });
  return grid(["goal", "of", "value", ""], rows);
}

function tableAndChart(table: Table, pictures: ReadonlyMap<string, string>): string {
  const hasX = table.xTitle !== undefined;
  const head = ["", ...(hasX ? [table.xTitle ?? ""] : []), "", table.unit, "quartiles", "ratio"];
  const rows = table.rows.map((row) => `<tr>${cellsOf(row, hasX).map(cell).join("")}</tr>`);
  return [
    `<h3>${escapeHtml(table.quantity)}</h3>`,
    pictures.get(table.id) ?? "",
    `<details><summary>the figures</summary>${grid(head, rows)}</details>`,
  ].join("\n");
}

function grid(head: readonly string[], rows: readonly string[]): string {
  const titles = head.map((each) => `<th>${escapeHtml(each)}</th>`).join("");
  return `<table><thead><tr>${titles}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table>`;
}

function cell(text: string): string {
  return `<td>${escapeHtml(text)}</td>`;
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
