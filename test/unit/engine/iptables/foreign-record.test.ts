import { expect, test } from "vitest";
import { understandRecord } from "../../../../src/engine/iptables/foreign-record.ts";

const OWNER = { bootId: "b", netns: { inode: 7, cookie: "8" } };
const RULES = { family: 4, mode: "nft", rules: ["nat OUTPUT -j KUMA_MESH_OUTPUT"] } as const;

test("whose it is and what was applied is read in every format", () => {
  const record = understandRecord({
    ...OWNER,
    format: 9,
    version: "9.1.0",
    applied: [{ ...RULES, comments: true, programs: "none", others: { a: { before: 1, all: 2 } } }],
    madeHooks: ["ip nat", "ip6 raw PREROUTING", "bridge nat"],
    unfinished: "perhaps",
  });
  expect(record).toMatchObject({
    ...OWNER,
    format: 9,
    version: "9.1.0",
    applied: [{ ...RULES, comments: true, others: { a: { before: 1, all: 2 } } }],
    madeHooks: ["ip nat", "ip6 raw PREROUTING"],
    unfinished: false,
  });
  expect(record?.applied[0]).not.toHaveProperty("programs");
});

test.each([
  ["no owner", { applied: [RULES] }],
  ["no rules", { ...OWNER }],
  ["rules in another form", { ...OWNER, applied: [{ ...RULES, rules: [{ spec: "-j" }] }] }],
  ["no object", "text"],
])("%s: it cannot be understood", (_what, value) => {
  expect(understandRecord(value)).toBeUndefined();
});
