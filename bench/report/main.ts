// Writes the report of results that are there already: node bench/report/main.ts FILE.json

import { loadResults } from "../results.ts";
import { outline } from "./outline.ts";
import { writeReport } from "./write.ts";

const [path] = process.argv.slice(2);
if (path === undefined)
  throw new Error("say which results: node bench/report/main.ts bench/results/FILE.json");
const results = loadResults(path);
console.log(outline(results));
console.log(`The report: ${await writeReport(results, path)}`);
