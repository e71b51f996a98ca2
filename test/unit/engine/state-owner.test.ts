import { expect, test } from "vitest";
import { isOwnedBy, stateOwner } from "../../../src/engine/state-owner.ts";

const NETNS = { inode: 4026531840, cookie: 7n };

test.each([
  ["the same namespace", NETNS, true],
  ["another one with the same inode", { ...NETNS, cookie: 8n }, false],
  ["another inode", { ...NETNS, inode: 4026531841 }, false],
  ["a command that was not told the cookie", { ...NETNS, cookie: undefined }, true],
])("%s", (_title, netns, expected) => {
  expect(isOwnedBy(stateOwner(NETNS), netns)).toBe(expected);
  expect(isOwnedBy(stateOwner(netns), NETNS)).toBe(expected);
});

test("another boot", () => {
  expect(isOwnedBy({ ...stateOwner(NETNS), bootId: "another" }, NETNS)).toBe(false);
});
