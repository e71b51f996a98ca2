import { createServer } from "node:net";
import { expect, test } from "vitest";
import { findListeners } from "../../../src/host/listeners.ts";

test("a listener of this machine is found by its port, and no other", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" ? (bound?.port ?? 0) : 0;
  const found = findListeners(new Set([port]));
  await new Promise((resolve) => server.close(resolve));
  expect(found).toMatchObject([
    { address: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) }, port, uid: process.geteuid?.() },
  ]);
  expect(findListeners(new Set([port]))).toEqual([]);
});
