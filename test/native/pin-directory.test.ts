// Directories of pins, where others come and go that have another lock.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { HOME, makeStaging, removePinDirectory } from "../../src/engine/ebpf/pin-directory.ts";

/** Removes the home whenever it is empty, until it is told to end; then says how often. */
const LEAVE = `
  const { rmdirSync } = require("node:fs");
  const { parentPort, workerData: { home, end } } = require("node:worker_threads");
  let left = 0;
  // As a command does, and not all the time: without a pause nobody else would ever get something into it.
  while (Atomics.wait(end, 0, 0, 1) === "timed-out") {
    try {
      rmdirSync(home);
      left++;
    } catch {}
  }
  parentPort.postMessage(left);
`;

test("a home that others leave at the same moment is made again", async () => {
  const bpffs = mkdtempSync(join(tmpdir(), "tproxyctl-home-"));
  const end = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(LEAVE, { eval: true, workerData: { home: join(bpffs, HOME), end } });
  const left = new Promise<number>((resolve) => worker.once("message", resolve));
  try {
    await new Promise((resolve) => worker.once("online", resolve));
    for (let generation = 0; generation < 5000; generation++)
      removePinDirectory(makeStaging(bpffs, 1n, generation));
  } finally {
    Atomics.store(end, 0, 1);
    rmSync(bpffs, { recursive: true, force: true });
  }
  expect(await left).toBeGreaterThan(20);
});
