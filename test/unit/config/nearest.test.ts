import { expect, test } from "vitest";
import { findNearest } from "../../../src/config/nearest.ts";

test.each([
  ["inbund", "inbound"],
  ["INBOUND", "inbound"],
  ["prot", "port"],
  ["ports", "port"],
  ["outbond", "outbound"],
  ["x", undefined],
  ["nothing-like-it", undefined],
  ["", undefined],
  ["inbound".repeat(1000), undefined],
])("%j is nearest to %j", (word, expected) => {
  expect(findNearest(word, ["inbound", "outbound", "port"])).toBe(expected);
});
