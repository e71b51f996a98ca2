import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { Scratch, ScratchCgroup } from "./support.ts";

const ROUNDS = 500;
/** What the rounds may add to the resident memory: 2 KiB each. Measured: 30 to 350 KiB in all. */
const GROWTH_KILOBYTES = 1024;

const scratch = new Scratch();
/** A name that no other test on this machine has. */
const name = `leak_${process.pid}`;
const good = scratch.compile("basic", { NAME: name });
const bad = scratch.compile("rejected");
afterAll(() => scratch[Symbol.dispose]());

it(`${ROUNDS} loads in one process leave no descriptor, memory, program or map`, async () => {
  using cgroup = new ScratchCgroup();
  const script = fileURLToPath(new URL("fixtures/leak.ts", import.meta.url));
  const args = ["--expose-gc", script, String(ROUNDS), good, bad, cgroup.path];
  const { before, after, growths } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  console.info(`descriptors ${before} → ${after}, KiB ${growths.join(", ")} more`);
  expect(after).toBe(before);
  expect(Math.min(...growths)).toBeLessThan(GROWTH_KILOBYTES);
  // Every program of the object holds this map, so one that is left would keep it.
  await expect.poll(maps, { timeout: 10_000 }).not.toContain(name);
});

function maps(): string {
  return execFileSync("bpftool", ["--json", "map", "list"], { encoding: "utf8" });
}
