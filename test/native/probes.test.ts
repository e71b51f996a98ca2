import { execFileSync } from "node:child_process";
import { release } from "node:os";
import { describe, expect, it } from "vitest";
import { call, give, load32 } from "../../src/bpf/instructions.ts";
import { lackOfProgram } from "../../src/bpf/probe-load.ts";
import { FEATURES, probe } from "../../src/bpf/probes.ts";

/** `6.18.44-x` is at least `5.9`. */
function isAtLeast(kernel: string): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = kernel.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

describe("a kernel that is new enough has", () => {
  it.each(FEATURES)("%s", (feature) => {
    const { available, reason, kernel } = probe(feature);
    if (isAtLeast(kernel)) expect(reason).toBeUndefined();
    expect(available).toBe(reason === undefined);
    expect(probe(feature)).toBe(probe(feature));
  });
});

describe("what is not there is not found", () => {
  const lookup = { type: "sk_lookup", attachType: "sk_lookup" } as const;

  it.each([
    ["a helper that no kernel has", { type: "sched_cls", code: [call(9999), give(0)] }, /invalid func/],
    ["a helper of other program types", { ...lookup, code: [call(122), give(1)] }, /#122/],
    ["a context field past the end", { ...lookup, code: [load32(2, 1, 72), give(1)] }, /invalid bpf_context/],
    [
      "an attach type of other program types",
      { ...lookup, attachType: "connect4", code: [give(1)] },
      /EINVAL/,
    ],
  ] as const)("%s", (_, program, reason) => {
    expect(lackOfProgram(program)).toMatch(reason);
  });
});

it("leaves nothing behind", async () => {
  for (const feature of FEATURES) probe(feature);
  const names = () => execFileSync("bpftool", ["--json", "prog", "list"], { encoding: "utf8" });
  await expect.poll(names, { timeout: 10_000 }).not.toMatch(/"tp_probe"/);
});
