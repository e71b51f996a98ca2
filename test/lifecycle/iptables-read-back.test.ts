// The rules as a kernel has them: what is rendered is applied by real iptables, of both kinds, and read back.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commentOf } from "../../src/engine/iptables/canonical.ts";
import { makeRules } from "../../src/engine/iptables/make-rules.ts";
import { parseSaved } from "../../src/engine/iptables/parse-saved.ts";
import { renderRules } from "../../src/engine/iptables/render.ts";
import { COMMENT_PREFIX, OUR_CHAINS, type Style } from "../../src/engine/iptables/rule.ts";
import { samplePlan } from "../support/plan-samples.ts";
import { RULE_CASES } from "../support/rule-cases/all.ts";
import { expectedLines, type RuleCase } from "../support/rule-cases/rule-case.ts";
import { chainsFromLines, chainsFromTables, madeChains } from "./iptables/chains.ts";
import { OwnTables, VARIANTS } from "./iptables/own-tables.ts";
import { SAVED_BY_HAND } from "./iptables/saved-by-hand.ts";

const SITUATIONS = VARIANTS.flatMap((variant) => ([4, 6] as const).map((family) => ({ variant, family })));

const STYLES: readonly Style[] = [
  { comments: true, verbose: false },
  { comments: false, verbose: true },
];

let own: OwnTables;

beforeAll(async () => {
  own = await OwnTables.create();
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

describe.each(SITUATIONS)("iptables-$variant, IPv$family", ({ variant, family }) => {
  async function applyAndSave({ wanted, context }: RuleCase, style: Style): Promise<string> {
    await own.empty(variant, family, context.dockerOutput);
    const set = makeRules(samplePlan(wanted), family, context);
    await own.apply(variant, family, renderRules(set, style));
    return own.save(variant, family);
  }

  test.each(RULE_CASES)("$name", async (ruleCase) => {
    const expected = chainsFromLines(expectedLines(ruleCase, family));
    for (const style of STYLES) {
      const { tables, incompatible } = parseSaved(await applyAndSave(ruleCase, style));
      expect(sorted(chainsFromTables(tables))).toEqual(sorted(expected));
      const chains = Object.values(OUR_CHAINS).map((name) => `nat ${name}`);
      const docker = ruleCase.context.dockerOutput ? ["nat DOCKER_OUTPUT"] : [];
      expect(madeChains(tables).sort()).toEqual([...chains, ...docker].sort());
      expect(incompatible).toEqual([]);
      const comments = tables.flatMap(({ rules }) => rules.map(({ spec }) => commentOf(spec)));
      for (const comment of comments)
        expect(comment?.startsWith(COMMENT_PREFIX) ?? false).toBe(style.comments);
    }
  });

  // Letter by letter, so that a mistake in the normal form cannot hide one in the rules.
  test.each(SAVED_BY_HAND)("$name, as iptables-save writes it", async ({ name, saved }) => {
    const ruleCase = RULE_CASES.find((each) => each.name === name);
    if (ruleCase === undefined) throw new Error(`there is no case ${name}`);
    const text = await applyAndSave(ruleCase, { comments: false, verbose: false });
    expect(rulesByChain(text.split("\n"))).toEqual(rulesByChain(saved[family]));
  });

  test("every chain and rule is gone when the tables are emptied", async () => {
    await own.empty(variant, family);
    const { tables } = parseSaved(await own.save(variant, family));
    expect([madeChains(tables), [...chainsFromTables(tables)]]).toEqual([[], []]);
  });
});

/** Tables are not always saved in the same order. */
function sorted<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].sort(([a], [b]) => a.localeCompare(b));
}

function rulesByChain(lines: readonly string[]): Partial<Record<string, string[]>> {
  const rules = lines.filter((line) => line.startsWith("-A"));
  return Object.groupBy(rules, (line) => line.split(" ")[1] ?? "");
}
