// Shows the rows that a guest printed.
//   show.ts FILE

import { readReport } from "./rows.ts";

const { rows } = readReport(process.argv[2] ?? "");
for (const { group, check, ok, state = "", seconds, detail } of rows) {
  const verdict = ok ? state : "FAILS";
  console.log(`${verdict.padEnd(10)} ${group.padEnd(16)} ${check} (${seconds} s) ${detail}`.trimEnd());
}
console.log(`${rows.filter(({ ok }) => ok).length} of ${rows.length} checks hold`);
