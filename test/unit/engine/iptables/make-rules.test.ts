import { describe, expect, test } from "vitest";
import { makeNetworkRules, makeRules } from "../../../../src/engine/iptables/make-rules.ts";
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

describe("beside programs of eBPF, the rules for virtual networks alone", () => {
  const EVERYTHING_ELSE = {
    dns: "all",
    dropInvalid: true,
    logLevel: 7,
    users: ["tcp:53:1"],
    tcInterface: "br0",
    inbound: { addresses: ["10.0.0.1"] },
  } as const;

  test.each<[string[], 4 | 6, string[]]>([
    [[], 4, []],
    [["br+:172.17.0.0/16"], 6, []],
    [
      ["br+:172.17.0.0/16"],
      4,
      [
        "-I PREROUTING 1 -i br+ -p udp --dport 53 -j REDIRECT --to-ports 15053",
        "-I PREROUTING 2 ! -d 172.17.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 15001",
      ],
    ],
    [
      ["br0:10.1.0.0/16", "br0:10.2.0.0/16", "br1:0.0.0.0/0"],
      4,
      [
        "-I PREROUTING 1 -i br0 -p udp --dport 53 -j REDIRECT --to-ports 15053",
        // Not to our inbound chain, which there is not: what arrives for this host is the programs' work.
        "-I PREROUTING 2 -d 10.2.0.0/16 -i br0 -p tcp -j RETURN",
        "-I PREROUTING 3 ! -d 10.1.0.0/16 -i br0 -p tcp -j REDIRECT --to-ports 15001",
        "-I PREROUTING 4 -i br1 -p udp --dport 53 -j REDIRECT --to-ports 15053",
      ],
    ],
    [
      ["veth1:fd00:9::/64"],
      6,
      [
        "-I PREROUTING 1 -i veth1 -p udp --dport 53 -j REDIRECT --to-ports 15053",
        "-I PREROUTING 2 ! -d fd00:9::/64 -i veth1 -p tcp -j REDIRECT --to-ports 15001",
      ],
    ],
  ])("%j, IPv%i", (networks, family, expected) => {
    const set = makeNetworkRules(samplePlan({ ...EVERYTHING_ELSE, networks }), family);
    const tables = expected.length === 0 ? [] : [{ table: "nat", chains: [], rules: expected }];
    expect(set).toMatchObject({ family });
    expect(
      set.tables.map((table) => ({ ...table, rules: table.rules.map((rule) => renderRule(rule, PLAIN)) })),
    ).toEqual(tables);
  });
});
