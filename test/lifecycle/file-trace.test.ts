// Every file that an installation and its removal name to the kernel: none in a place that others could have prepared.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TPROXYCTL, World } from "../support/world.ts";
import { EBPF, IPTABLES } from "./engines.ts";
import { expectNoPreparedFile, readCalls, traced } from "./file-trace.ts";
import { PrivateMounts } from "./private-mounts.ts";

let world: World;
let mounts: PrivateMounts;
let directory: string;

beforeAll(async () => {
  world = await World.create();
  mounts = await PrivateMounts.create(world);
  // Pins are looked for on every bpffs: other tests have some below /tmp.
  await mounts.mustRun("umount", "--all", "--types", "bpf");
  directory = mkdtempSync(join(tmpdir(), "tproxyctl-trace-"));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await world[Symbol.asyncDispose]();
});

async function trace(args: readonly string[]): Promise<string[]> {
  const log = join(directory, "log");
  const { exitCode, stderr } = await mounts.run(traced(log, directory, [TPROXYCTL, ...args]));
  expect(exitCode, stderr).toBe(0);
  return readCalls(readFileSync(log, "utf8"));
}

test.each([
  ["eBPF", [...EBPF], /^\/run\/(kuma|tproxyctl)/],
  ["iptables (nft)", [...IPTABLES.nft], /^\/run\/tproxyctl/],
  ["iptables (legacy)", [...IPTABLES.legacy], /^\/run\/(tproxyctl|xtables\.lock$)/],
])("%s", async (_engine, flags, home) => {
  const calls = [
    ...(await trace(mounts.installArguments(...flags, "--redirect-dns"))),
    ...(await trace(["status"])),
    ...(await trace(["uninstall"])),
    // To its end, in which what nobody confirmed is put back.
    ...(await trace(mounts.installArguments(...flags, "--confirm-within=1s"))),
  ];
  expectNoPreparedFile(calls, home);
});
