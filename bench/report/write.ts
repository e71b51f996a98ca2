// Writes the report beside the results: Markdown, HTML, and each chart as SVG and as PNG.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Results } from "../results.ts";
import { chartOf } from "./charts.ts";
import { drawPng, drawSvg } from "./draw.ts";
import { htmlOf } from "./html.ts";
import { markdownOf } from "./markdown.ts";
import { sectionsOf } from "./sections.ts";

/**
 * @param resultsPath the file with the results; the report is a directory of that name
 * @returns the path of the HTML file
 */
export async function writeReport(results: Results, resultsPath: string): Promise<string> {
  const directory = resultsPath.replace(/\.json(?:\.gz)?$/, "");
  if (directory === resultsPath)
    throw new Error(`${resultsPath} is no file of results: they end in .json or .json.gz`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const pictures = new Map<string, string>();
  for (const table of sectionsOf(results).flatMap(({ tables }) => tables)) {
    const svg = await drawSvg(chartOf(table));
    pictures.set(table.id, svg);
    writeFileSync(join(directory, `${table.id}.svg`), svg);
    writeFileSync(join(directory, `${table.id}.png`), drawPng(svg));
  }
  writeFileSync(join(directory, "report.md"), markdownOf(results));
  const path = join(directory, "report.html");
  writeFileSync(path, htmlOf(results, pictures));
  return path;
}
