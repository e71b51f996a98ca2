// `verify` where it must not listen, where no process can be in the cgroup, and where a process in it stands still.

import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { World } from "../support/world.ts";
import {
  createWorld,
  expectVerified,
  inState,
  proofs,
  startEmbeddedProxy,
  verify,
} from "./verify-support.ts";

const BOTH_WAYS = ["outbound 4", "own-application 4", "outbound 6", "own-application 6"];
const BYPASS = "--when-proxy-down=bypass";

test("where connections go past a proxy that is down, verify does not stand in: they would all come to it", async () => {
  await using world = await createWorld();
  await world.install(BYPASS, "--redirect-all-dns-traffic");
  // Also where the options that are given do not say so.
  for (const flags of [[], ["--kuma-dp-user=5678", "--redirect-all-dns-traffic"]]) {
    const result = await verify(world, flags);
    expect(inState(result, "failed")).toEqual([]);
    expect(result).toMatchObject({ exitCode: 1, verified: false });
    const outbound = result.checks.filter(({ name }) => /^(outbound|own-application|dns.*)$/.test(name));
    expect(outbound).toHaveLength(8);
    for (const { found } of outbound) expect(found).toMatch(/^nobody listens, .*--when-proxy-down=bypass/);
  }
  // What was to go past the proxy would have been counted.
  expect(await world.counter("outboundBypassed")).toBe(0);
});

test("... nobody listened there meanwhile", async () => {
  await using world = await createWorld();
  await world.install(BYPASS);
  const watch = "while :; do ss -Htuln 'sport = 15001 or sport = 15006'; done";
  const watching = await world.start(["sh", "-c", `echo ready; ${watch}`]);
  await verify(world);
  expect(watching.lines).toEqual(["ready"]);
  // It would have seen one.
  await startEmbeddedProxy(world);
  await watching.waitFor((line) => line.includes(":15001"));
});

test("... and proves by the proxy that connections are intercepted while it is up", async () => {
  await using world = await createWorld();
  await world.install(BYPASS);
  await startEmbeddedProxy(world);
  const result = await verify(world);
  expectVerified(result);
  expect(proofs(result)).toEqual(BOTH_WAYS);
});

test("no process may be in the cgroup: nothing is tried, and that is said", async () => {
  await using world = await createWorld();
  // With a threaded child, a cgroup's other children are of no use (cgroups(7)): the kernel refuses processes.
  makeCgroup(world, "threaded", "cgroup.type", "threaded");
  const invalid = makeCgroup(world, "invalid");
  await world.install("--ebpf-cgroup-path", invalid);
  const result = await verify(world, [], { cgroup: false });
  expect(inState(result, "failed")).toEqual([]);
  expect(inState(result, "ok")).toEqual(["state"]);
  expect(result).toMatchObject({ exitCode: 1, verified: false });
  expect(result.stderr).not.toMatch(/CAP_SETUID/);
  const outbound = result.checks.find(({ name }) => name === "outbound");
  expect(outbound?.found).toMatch(/no process can be put into the cgroup .*\(E[A-Z]+\)$/);
});

test("the cgroup is frozen: it ends in time, and so do those that it started", async () => {
  await using world = await createWorld();
  const frozen = makeCgroup(world, "frozen");
  await world.install("--ebpf-cgroup-path", frozen);
  writeFileSync(join(frozen, "cgroup.freeze"), "1");
  const { stdout, stderr, exitCode } = await world.tproxyctl(["verify", "--timeout=2s"], {
    timeoutMs: 30_000,
  });
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
  expect(stderr).toMatch(/did not end within 2 s[\s\S]*cgroup\.freeze[\s\S]*code: VERIFY_FAILED/);
  const { stdout: left } = await world.run(["cat", join(frozen, "cgroup.procs")], { cgroup: false });
  expect(left).toBe("");
});

/** Below the world's own. It goes with the world. */
function makeCgroup(world: World, name: string, file?: string, value = ""): string {
  const path = join(world.cgroup, name);
  mkdirSync(path);
  world.defer(async () => rmdirSync(path));
  if (file !== undefined) writeFileSync(join(path, file), value);
  return path;
}
