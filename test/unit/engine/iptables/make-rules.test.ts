import { describe, expect, test } from "vitest";
import { makeRules } from "../../../../src/engine/iptables/make-rules.ts";
import { renderRule } from "../../../../src/engine/iptables/render.ts";
import { COMMENT_PREFIX, type RuleSet } from "../../../../src/engine/iptables/rule.ts";
import { samplePlan } from "../../../support/plan-samples.ts";
import { RULE_CASES } from "../../../support/rule-cases/all.ts";
import { expectedLines, type RuleCase } from "../../../support/rule-cases/rule-case.ts";

const PLAIN = { comments: false, verbose: false };

const BOTH = RULE_CASES.flatMap((ruleCase) =>
  [4 as const, 6 as const].map((family) => ({ ruleCase, family })),
);

function rulesOf({ wanted, context }: RuleCase, family: 4 | 6): RuleSet {
  return makeRules(samplePlan(wanted), family, context);
}

describe("the rules of the contract, in its order", () => {
  test.each(BOTH)("$ruleCase.name, IPv$family", ({ ruleCase, family }) => {
    const set = rulesOf(ruleCase, family);
    const lines = set.tables.map(({ table, rules }) => [table, rules.map((rule) => renderRule(rule, PLAIN))]);
    expect(lines).toEqual([...expectedLines(ruleCase, family)]);
    expect(set.family).toBe(family);
  });
});

test("only the table nat has chains of ours, the four of kumactl", () => {
  const set = makeRules(samplePlan({ dns: "all", dropInvalid: true }), 4, {
    splitZones: true,
    dockerOutput: false,
    insertInbound: false,
    insertOutbound: false,
  });
  expect(set.tables.map(({ table, chains }) => [table, chains])).toEqual([
    ["raw", []],
    [
      "nat",
      [
        "KUMA_MESH_INBOUND",
        "KUMA_MESH_OUTBOUND",
        "KUMA_MESH_INBOUND_REDIRECT",
        "KUMA_MESH_OUTBOUND_REDIRECT",
      ],
    ],
    ["mangle", []],
  ]);
});

test("every rule says what it is for, in few words", () => {
  const sets = BOTH.map(({ ruleCase, family }) => rulesOf(ruleCase, family));
  const comments = sets.flatMap(({ tables }) =>
    tables.flatMap(({ rules }) => rules.map((rule) => rule.comment)),
  );
  for (const comment of comments) expect(comment).toMatch(/^[a-zA-Z][ -~]{5,90}$/);
  for (const comment of comments) expect(comment).not.toMatch(/["'\\]/);
  expect(COMMENT_PREFIX).toBe("kuma/mesh/transparent/proxy/");
});
