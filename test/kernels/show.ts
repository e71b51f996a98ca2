// Shows the rows that a guest printed.

import { readFileSync } from "node:fs";

const [file = ""] = process.argv.slice(2);
for (const line of readFileSync(file, "utf8").split("\n")) {
  if (!line.startsWith("{")) {
    if (line.trim() !== "") console.log(line);
    continue;
  }
  const { group, check, ok, seconds, detail } = JSON.parse(line) as Record<string, unknown>;
  if (check === undefined) console.log(line.trim());
  else
    console.log(`${ok ? "works " : "FAILS "} ${String(group).padEnd(10)} ${check} (${seconds} s) ${detail}`);
}
