import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockNamespace } from "../../src/host/lock.ts";
import { readUndisturbed } from "../../src/host/undisturbed.ts";

const INODE = 42;

let top: string;
let directory: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "hst-undisturbed-"));
  directory = join(top, "run");
});
afterEach(() => rmSync(top, { recursive: true }));

const lock = () => lockNamespace(INODE, { directory });

/** Reads what `values` gives, one after the other; "bad" is not plausible, "error" is thrown. */
function reader(values: readonly (() => Promise<string>)[]) {
  let reads = 0;
  const read = async () => {
    const value = await (values[reads++] ?? values.at(-1))?.();
    if (value === undefined || value === "error") throw new Error(`read ${reads} failed`);
    return value;
  };
  const run = (timeoutMs = 10_000) =>
    readUndisturbed(INODE, read, (value) => value !== "bad", { directory, timeoutMs });
  return { run, reads: () => reads };
}

test("where nobody is at work, what is read counts, and nothing is made", async () => {
  const bad = reader([async () => "bad"]);
  expect(await bad.run()).toBe("bad");
  expect(bad.reads()).toBe(1);
  const failing = reader([async () => "error"]);
  await expect(failing.run()).rejects.toThrow("read 1 failed");
  expect(existsSync(directory)).toBe(false);
});

test("waits for who is at work", async () => {
  const held = await lock();
  let isOver = false;
  const { run, reads } = reader([async () => (isOver ? "good" : "bad")]);
  const reading = run();
  await new Promise((resolve) => setImmediate(resolve));
  expect(reads()).toBe(0);
  isOver = true;
  held[Symbol.dispose]();
  expect(await reading).toBe("good");
});

test.each(["bad", "error"])("who came meanwhile is waited for, and it is read again: %s", async (first) => {
  let held: Disposable | undefined;
  const begin = async () => {
    held = await lock();
    setImmediate(() => held?.[Symbol.dispose]());
    return first;
  };
  const { run, reads } = reader([begin, async () => "good"]);
  expect(await run()).toBe("good");
  expect(reads()).toBe(2);
});

test.each([true, false])(
  "who came and went meanwhile, too (with another's lock beside: %s)",
  async (beside) => {
    if (beside) mkdirSync(directory, 0o700);
    using _other = beside ? await lockNamespace(INODE + 1, { directory }) : undefined;
    const pass = async () => {
      (await lock())[Symbol.dispose]();
      return "bad";
    };
    const { run, reads } = reader([pass, async () => "good"]);
    expect(await run()).toBe("good");
    expect(reads()).toBe(2);
  },
);

test("what is plausible counts at once, though somebody came", async () => {
  const { run, reads } = reader([
    async () => {
      (await lock())[Symbol.dispose]();
      return "good";
    },
  ]);
  expect(await run()).toBe("good");
  expect(reads()).toBe(1);
});

test("who never ends is not waited for longer than that", async () => {
  using _held = await lock();
  const { run, reads } = reader([async () => "bad"]);
  expect(await run(60)).toBe("bad");
  expect(reads()).toBe(1);
  await expect(reader([async () => "error"]).run(60)).rejects.toThrow("read 1 failed");
});
