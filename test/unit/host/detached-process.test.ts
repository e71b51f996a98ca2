import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isRunning } from "../../../src/host/detached-process.ts";

/** From the state on: field 3 of proc_pid_stat(5) is the first. */
function fieldsOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

test("a process that has ended is not running, though nobody has asked how", async () => {
  const child = spawn("/bin/cat", [], { stdio: ["pipe", "ignore", "ignore"] });
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  const { pid = 0 } = child;
  const started = { pid, started: fieldsOf(pid)[19] ?? "" };
  expect(isRunning(started)).toBe(true);
  expect(isRunning({ ...started, started: "1" })).toBe(false);
  child.kill("SIGKILL");
  // Node.js asks when we are through with this turn, not before.
  const until = Date.now() + 5000;
  while (fieldsOf(pid)[0] !== "Z" && Date.now() < until)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  expect(fieldsOf(pid)[0]).toBe("Z");
  expect(isRunning(started)).toBe(false);
  await promise;
  expect(isRunning(started)).toBe(false);
});
