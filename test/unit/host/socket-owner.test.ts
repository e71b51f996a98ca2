import { createServer } from "node:net";
import { expect, test } from "vitest";
import { findListeners } from "../../../src/host/listeners.ts";
import { findSocketOwners, socketInode } from "../../../src/host/socket-owner.ts";

test.each([
  ["socket:[4711]", 4711],
  ["pipe:[4711]", undefined],
  ["/tmp/socket:[4711]", undefined],
  ["", undefined],
])("the inode of %j", (link, inode) => {
  expect(socketInode(link)).toBe(inode);
});

test("a listener of our own has us as its owner; one that does not exist has none", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const listeners = findListeners(new Set([typeof bound === "object" ? (bound?.port ?? 0) : 0]));
  const owners = findSocketOwners([...listeners, { inode: 1, uid: 0 }]);
  await new Promise((resolve) => server.close(resolve));
  expect([...owners.values()]).toMatchObject([{ pid: process.pid, inode: listeners[0]?.inode }]);
});

test("nothing is looked for where nothing is asked", () => {
  expect(findSocketOwners([])).toEqual(new Map());
});
