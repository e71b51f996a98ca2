import { describe, expect, test } from "vitest";
import { describeFinding, FINDINGS, type FindingCode, finding } from "../../../src/engine/finding.ts";
import { filesBelow, readProjectFile } from "../../support/project-files.ts";

const rows = [
  ...readProjectFile("docs/findings.md").matchAll(/^\| ([a-z][a-z0-9-]+) \| ([02]) \| (.*?) \|/gm),
];
const source = [...filesBelow("src/engine", ".ts"), ...filesBelow("src/commands", ".ts")]
  .filter((path) => !path.endsWith("engine/finding.ts"))
  .map(readProjectFile)
  .join("\n");

describe("findings", () => {
  test("are all on their page with what they mean for the exit status, and only they", () => {
    const documented = rows.map(([, code, status, about]) => ({ code, degrades: status === "2", about }));
    expect(documented).toEqual(Object.entries(FINDINGS).map(([code, each]) => ({ code, ...each })));
  });

  test.each(Object.keys(FINDINGS))("%s can be found", (code) => {
    expect(source).toContain(`"${code}"`);
  });

  test.each<[FindingCode, string]>([
    ["rules-missing", "finding: rules are missing; mend it."],
    ["old-connections", "note: rules are missing; mend it."],
  ])("%s, in words", (code, words) => {
    expect(describeFinding(finding(code, "rules are missing", "mend it."))).toBe(words);
  });
});
