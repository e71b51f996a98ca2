import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { projectRoot } from "../support/project-files.ts";

test.each(["ebpf", "iptables"])(
  "./scripts/demo --engine=%s ends well, every line as it should be",
  async (engine) => {
    const demo = execa(join(projectRoot, "scripts/demo"), [`--engine=${engine}`], { timeout: 280_000 });
    const { stdout } = await demo;
    expect(stdout).toContain(`engine: ${engine}`);
    const rows = stdout.split("\n").filter((line) => /^(without|with|after) /.test(line));
    expect(rows).toHaveLength(12);
    expect(rows.filter((row) => row.startsWith("with ") && row.includes("fd66::"))).toHaveLength(2);
    expect(stdout).toContain("Every line is as it should be.");
    expect(stdout).not.toContain("WRONG");
  },
);

test("./scripts/demo fails when interception does not work", async () => {
  // A proxy on another port than the one that is redirected to: outbound requests are refused.
  const demo = execa(join(projectRoot, "scripts/demo"), ["--outbound-port", "16001"], { reject: false });
  const { exitCode, stdout } = await demo;
  expect(exitCode).toBe(1);
  const wrong = stdout.split("\n").filter((line) => line.includes("WRONG"));
  expect(wrong.map((line) => line.split(/ +/).slice(0, 2))).toEqual([
    ["with", "outbound"],
    ["with", "outbound"],
  ]);
});
