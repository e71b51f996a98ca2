import { describe, expect, test } from "vitest";
import { findOurs } from "../../../../src/engine/iptables/ownership.ts";
import { pickRecorded } from "../../../../src/engine/iptables/pick-recorded.ts";
import type { AppliedRules } from "../../../../src/engine/iptables/record.ts";
import type { SavedTable } from "../../../../src/engine/iptables/saved.ts";

/** A chain whose rules are single letters; ours were recorded as such. */
function tableOf(chain: string, letters: string): SavedTable {
  const rules = [...letters].map((spec, index) => ({ chain, position: index + 1, spec }));
  return { name: "nat", chains: [{ name: chain, policy: "ACCEPT" }], rules };
}

function record(letters: string, others: AppliedRules["others"] = {}): AppliedRules {
  return { family: 4, mode: "nft", rules: [...letters].map((letter) => `nat OUTPUT ${letter}`), others };
}

/** The places of the rules that are taken for ours, from 1 on. */
function pick(there: string, recorded: readonly AppliedRules[], copies = 1, chain = "OUTPUT"): number[] {
  const table = tableOf(chain, there);
  const keyOf = (rule: { chain: string; spec: string }) => `nat ${rule.chain} ${rule.spec}`;
  const picked = pickRecorded(table, recorded, keyOf, copies);
  return [...picked].map(({ position }) => position).sort((a, b) => a - b);
}

describe("of rules that read the same, ours are", () => {
  test.each<[string, string, AppliedRules, number[]]>([
    ["all, without others", "xaby", record("ab"), [2, 3]],
    ["those that are there", "xay", record("abc"), [2]],
    ["none in another order's place", "xy", record("ab"), []],
    ["the one before others' (inserted)", "axa", record("a", { "nat OUTPUT a": { before: 0, all: 1 } }), [1]],
    [
      "the one behind others' (appended)",
      "aaxa",
      record("a", { "nat OUTPUT a": { before: 2, all: 2 } }),
      [4],
    ],
    ["as many as were made", "aaa", record("aa", { "nat OUTPUT a": { before: 1, all: 1 } }), [2, 3]],
    ["those that stand together", "baabxa", record("ab"), [3, 4]],
    ["those that stand together, longest", "abxabc", record("abc"), [4, 5, 6]],
    [
      "still known when others' are gone",
      "ab",
      record("ab", { "nat OUTPUT a": { before: 0, all: 1 } }),
      [1, 2],
    ],
    ["the first, where nothing tells", "axa", record("a"), [1]],
  ])("%s: %s", (_title, there, applied, places) => expect(pick(there, [applied])).toEqual(places));

  test("both, where the installation is there twice", () => {
    expect(pick("abxab", [record("ab")], 2)).toEqual([1, 2, 4, 5]);
  });

  test("none of another chain", () => {
    expect(pick("ab", [record("ab")], 1, "INPUT")).toEqual([]);
  });

  test("of two records, each's", () => {
    expect(pick("abc", [record("a"), record("c")])).toEqual([1, 3]);
  });
});

describe("of an unfinished installation, ours are", () => {
  const twin = { "nat OUTPUT a": { before: 1, all: 1 } };
  const unfinished = (letters: string, others?: AppliedRules["others"]) => ({
    ...record(letters, others),
    unfinished: true,
  });

  test.each<[string, string, AppliedRules[], number[]]>([
    ["named, not there yet, one twin", "xa", [unfinished("a", twin)], []],
    ["named, there, one twin", "xaa", [unfinished("a", twin)], [3]],
    ["named, not there yet, no twin", "x", [unfinished("a")], []],
    ["named, there, no twin", "xa", [unfinished("a")], [2]],
    ["before the twin", "aa", [unfinished("a", { "nat OUTPUT a": { before: 0, all: 1 } })], [1]],
    ["named twice, one there", "aa", [unfinished("aa", twin)], [2]],
    ["not the twin that came since", "xaba", [unfinished("ab")], [2, 3]],
    ["before and after the change, not there", "a", [unfinished("a", twin), unfinished("a", twin)], []],
    ["before and after the change, there once", "aa", [unfinished("a", twin), unfinished("a", twin)], [2]],
    [
      "before and after the change, in other places",
      "aa",
      [unfinished("a", twin), unfinished("a", { "nat OUTPUT a": { before: 0, all: 1 } })],
      [2],
    ],
    ["twice before the change, once after", "aa", [unfinished("a"), unfinished("aa")], [1, 2]],
  ])("%s: %s", (_title, there, applied, places) => expect(pick(there, applied)).toEqual(places));

  test("none of the twins where all is there twice", () => {
    expect(pick("aba", [unfinished("ab", { "nat OUTPUT a": { before: 1, all: 2 } })], 2)).toEqual([2]);
  });
});

describe("an installation with comments", () => {
  const INVALID = "-m conntrack --ctstate INVALID -j DROP";
  const OURS = `-m conntrack --ctstate INVALID -m comment --comment "kuma/mesh/transparent/proxy/x" -j DROP`;
  const key = `mangle PREROUTING ${INVALID}`;

  function findIn(specs: readonly string[], applied: Partial<AppliedRules>): number[] {
    const rules = specs.map((spec, index) => ({ chain: "PREROUTING", position: index + 1, spec }));
    const table = { name: "mangle", chains: [], rules };
    const recorded = [{ family: 4, mode: "nft", rules: [key], ...applied } as const];
    const ours = findOurs({ tables: [table], incompatible: [] }, recorded);
    return ours.flatMap(({ rules: found }) => found.map(({ position }) => position));
  }

  test("is found by them alone, whatever others have", () => {
    expect(findIn([INVALID, OURS, INVALID], { comments: true })).toEqual([2]);
    expect(findIn([INVALID], { comments: true })).toEqual([]);
    expect(findIn([INVALID], { comments: false })).toEqual([1]);
  });

  test("is none of those that a record without comments names", () => {
    const others = { [key]: { before: 1, all: 1 } };
    expect(findIn([INVALID, OURS], { others, unfinished: true })).toEqual([2]);
    expect(findIn([INVALID, INVALID, OURS], { others })).toEqual([2, 3]);
  });
});
