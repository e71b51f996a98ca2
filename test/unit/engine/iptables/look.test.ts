import { describe, expect, test } from "vitest";
import { unmarkedRules } from "../../../../src/engine/iptables/look.ts";

const paths = { iptables: "/x/iptables", save: "/x/iptables-save", restore: "/x/iptables-restore" };

describe("what only a record can tell", () => {
  test.each<[string, string, string, Record<string, { before: number; all: number }>]>([
    ["alone", "xAy", "a", {}],
    ["before, between and behind others that read the same", "aAaa", "a", { a: { before: 1, all: 3 } }],
    ["twice", "aAAa", "aa", { a: { before: 1, all: 2 } }],
    ["and others with other names", "AbBx", "ab", { b: { before: 1, all: 1 } }],
  ])("is ours %s", (_title, letters, keys, others) => {
    const table = tableOf(letters);
    const rules = table.rules.filter((_, index) => /[A-Z]/.test(letters[index] ?? ""));
    const ours = [{ name: "nat", chains: [], rules, table }];
    const executables = { family: 4, mode: "nft", ...paths } as const;
    const found = unmarkedRules({ executables, snapshot: { tables: [table], incompatible: [] }, ours });
    const keyOf = (letter: string) => `nat OUTPUT -j ${letter}`;
    expect(found).toEqual({
      family: 4,
      mode: "nft",
      programs: paths,
      rules: [...keys].map(keyOf),
      others: Object.fromEntries(Object.entries(others).map(([letter, each]) => [keyOf(letter), each])),
    });
  });
});

/** Capital letters are ours; what they say is the same. */
function tableOf(letters: string) {
  const rules = [...letters].map((letter, index) => {
    return { chain: "OUTPUT", position: index + 1, spec: `-j ${letter.toLowerCase()}` };
  });
  return { name: "nat", chains: [], rules };
}
