import { expect, test } from "vitest";
import { chainsInOtherOrder } from "../../../../src/engine/iptables/order.ts";

test.each<[string, string[], string[], string[]]>([
  ["the same", ["nat A 1", "nat A 2", "nat B 1"], ["nat B 1", "nat A 1", "nat A 2"], []],
  [
    "one is missing, one is too many",
    ["nat A 1", "nat A 2", "nat A 3"],
    ["nat A 1", "nat A 3", "nat A 4"],
    [],
  ],
  ["two changed places", ["nat A 1", "nat A 2", "nat B 1"], ["nat A 2", "nat A 1", "nat B 1"], ["nat A"]],
  [
    "of one chain name, another table",
    ["nat A 1", "raw A 1", "raw A 2"],
    ["raw A 2", "raw A 1", "nat A 1"],
    ["raw A"],
  ],
])("%s", (_title, expected, actual, chains) => {
  expect(chainsInOtherOrder(expected, actual)).toEqual(chains);
});
