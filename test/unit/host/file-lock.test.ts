import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lockFile, parseLockHolder } from "../../../src/host/file-lock.ts";

const LOCKS = `\
1: FLOCK  ADVISORY  WRITE 1234 fe:00:42 0 EOF
1: -> FLOCK  ADVISORY  WRITE 1235 fe:00:42 0 EOF
2: POSIX  ADVISORY  WRITE 1236 00:1c:43 0 EOF
3: FLOCK  ADVISORY  WRITE 0 00:04:4026531840 0 EOF
4: FLOCK  ADVISORY  WRITE 77 103:ff01:9 0 EOF
`;

test.each([
  [0xfe00n, 42n, 1234],
  [0x1cn, 43n, undefined],
  [0x4n, 4026531840n, undefined],
  [0xfe01n, 42n, undefined],
  [0xff10301n, 9n, 77],
])("the holder of the lock on device %i inode %i", (device, inode, pid) => {
  expect(parseLockHolder(LOCKS, device, inode)).toBe(pid);
});

test("a lock excludes others, by name, until it is disposed of", async () => {
  const directory = mkdtempSync(join(tmpdir(), "hst-lock-"));
  try {
    {
      using _held = await lockFile(directory, 1000);
      await expect(lockFile(directory, 100)).rejects.toMatchObject({
        code: "LOCKED",
        message: `waited 0.1 s for the lock on ${directory}, which process ${process.pid} holds`,
      });
    }
    using _again = await lockFile(directory, 0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
