import { describe, expect, test } from "vitest";
import type { CheckResult } from "../../../../src/commands/verify/check.ts";
import { renderJson, renderText } from "../../../../src/commands/verify/render.ts";
import { verdictOf } from "../../../../src/commands/verify/verdict.ts";

const PROOF: CheckResult = {
  name: "outbound",
  family: 4,
  state: "ok",
  proof: true,
  what: "a connection of user 1000 to 192.0.2.1:80",
  found: "arrived at the proxy's outbound port",
};
const OK: CheckResult = { ...PROOF, name: "localhost", proof: false, found: "arrived where it was going" };
const FAILED: CheckResult = {
  ...OK,
  state: "failed",
  found: "it was refused",
  expected: "it should arrive",
  remedy: "Install it.",
};
const UNTRIED: CheckResult = { ...OK, state: "not-tried", found: "there is no route" };

describe("the verdict", () => {
  test.each<[string, CheckResult[], boolean, RegExp]>([
    ["a proof", [PROOF, OK, UNTRIED], true, /\(IPv4\); all 2 checks are well$/],
    ["two families", [PROOF, { ...PROOF, family: 6 }], true, /\(IPv4 and IPv6\)/],
    ["a failure beside a proof", [PROOF, FAILED], false, /^a connection of user 1000 .*: it was refused$/],
    ["several failures", [FAILED, FAILED, FAILED], false, /it was refused, and 2 more$/],
    ["what is left alone proves nothing", [OK, UNTRIED], false, /no connection could be made/],
    ["nothing at all", [], false, /no connection could be made/],
  ])("%s", (_title, results, verified, words) => {
    const verdict = verdictOf(results);
    expect(verdict.verified).toBe(verified);
    expect(verdict.text).toMatch(words);
  });
});

test("in words", () => {
  expect(renderText([PROOF, FAILED, UNTRIED])).toEqual([
    "ok: a connection of user 1000 to 192.0.2.1:80: arrived at the proxy's outbound port",
    "FAILED: a connection of user 1000 to 192.0.2.1:80: it was refused",
    "    expected: it should arrive",
    "    Install it.",
    "not tried: a connection of user 1000 to 192.0.2.1:80: there is no route",
  ]);
});

test("for programs", () => {
  const text = renderJson([PROOF], { verified: true, text: "" });
  expect(JSON.parse(text)).toEqual({ verified: true, checks: [PROOF] });
});
