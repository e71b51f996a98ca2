// `verify` where all is well: each engine, with a proxy and without, as root, as the proxy and as an application.

import { describe, expect, test } from "vitest";
import { APP_UID, type World } from "../support/world.ts";
import { EBPF, EBPF_TC, IPTABLES } from "./engines.ts";
import { expectFailure, intactStatus, type Status } from "./support.ts";
import {
  AS_PROXY,
  createWorld,
  expectVerified,
  inState,
  proofs,
  startEmbeddedProxy,
  verify,
} from "./verify-support.ts";

const BOTH_WAYS = ["outbound 4", "own-application 4", "outbound 6", "own-application 6"];
const FROM_THE_PROXY = ["own-application 4", "own-application 6"];

describe.each([
  ["eBPF, sk_lookup", EBPF],
  ["eBPF, tc", EBPF_TC],
  ["iptables-nft", IPTABLES.nft],
  ["iptables-legacy", IPTABLES.legacy],
])("%s", (_title, engine) => {
  test("without a proxy: verify listens in its place, as root, as the proxy, as an application", async () => {
    await using world = await createWorld();
    await world.install(...engine);
    const before = await intactStatus(world);
    const root = await verify(world);
    expectVerified(root);
    expect(proofs(root)).toEqual(BOTH_WAYS);
    expect(inState(root, "not-tried")).toEqual(["inbound"]);
    expect(root.checks.find(({ name }) => name === "outbound")?.found).toMatch(/as one to 192\.0\.2\.1:80$/);

    const proxy = await verify(world, [], AS_PROXY);
    expectVerified(proxy);
    expect(proofs(proxy)).toEqual(FROM_THE_PROXY);
    expect(inState(proxy, "not-tried")).toEqual(["outbound 4", "outbound 6", "inbound"]);

    const application = await verify(world, ["--kuma-dp-user=5678"], { uid: APP_UID });
    expectVerified(application);
    expect(proofs(application)).toEqual(["outbound 4", "outbound 6"]);

    const after = await intactStatus(world);
    expect(withoutWhatMoves(after)).toEqual(withoutWhatMoves(before));
    await expectNothingLeft(world);
  });

  test("with a proxy: its ports are taken, and the kernel shows that it has the connections", async () => {
    await using world = await createWorld();
    await world.install(...engine);
    const proxy = await startEmbeddedProxy(world);
    for (const options of [{}, AS_PROXY]) {
      const result = await verify(world, [], options);
      expectVerified(result);
      expect(proofs(result)).toEqual("uid" in options ? FROM_THE_PROXY : BOTH_WAYS);
      expect(result.checks.find(({ proof }) => proof)?.found).toMatch(/the proxy listens there$/);
    }
    // It takes connections and never answers: its process stands still.
    proxy.child.kill("SIGSTOP");
    const silent = await verify(world);
    proxy.child.kill("SIGCONT");
    expectVerified(silent);
    expect(proofs(silent)).toEqual(BOTH_WAYS);
  });

  test("where there is no route to elsewhere", async () => {
    await using world = await createWorld();
    await world.ip("service", "route", "del", "default");
    await world.ip("service", "-6", "route", "del", "default");
    await world.install(...engine);
    const result = await verify(world);
    expectVerified(result);
    expect(proofs(result)).toEqual(BOTH_WAYS);
    expect(result.checks[0]?.what).toMatch(/to 10\.66\.0\.129:80$/);
  });
});

test("from outside of the cgroup that is intercepted, root goes there", async () => {
  await using world = await createWorld();
  await world.install();
  expectVerified(await verify(world, [], { cgroup: false }));
});

test("root without the capability to be somebody else tries what it can", async () => {
  await using world = await createWorld();
  await world.install(...IPTABLES.nft);
  const result = await verify(world, [], { dropCapabilities: ["setuid"] });
  expectVerified(result);
  expect(proofs(result)).toEqual(["outbound 4", "outbound 6"]);
  expect(inState(result, "not-tried")).toEqual(["own-application 4", "own-application 6", "inbound"]);
});

test("rules that nothing is written down of, as kumactl's: the options say what they should do", async () => {
  await using world = await createWorld();
  await world.install(...IPTABLES.nft);
  await world.forgetRecords();
  const result = await verify(world, ["--kuma-dp-user=5678"]);
  expectVerified(result);
  expect(proofs(result)).toEqual(BOTH_WAYS);
  expect(inState(result, "not-tried")).toEqual(["state", "inbound"]);
});

test("nobody starts its other half by hand", async () => {
  await using world = await createWorld();
  const result = await world.tproxyctl(["verify-probe"]);
  expectFailure(result, "USAGE", /started by it alone/);
  expect((await world.tproxyctl(["--help"])).stdout).not.toMatch(/verify-probe|validator/);
});

/** No process in the cgroup, no socket on a port of the proxy. */
async function expectNothingLeft(world: World): Promise<void> {
  const { stdout } = await world.run(["cat", `${world.cgroup}/cgroup.procs`], { cgroup: false });
  expect(stdout).toBe("");
  const sockets = await world.run(["ss", "-Htuln"], { cgroup: false });
  expect(sockets).toEqual({ stdout: "", stderr: "", exitCode: 0 });
}

/** Counters, memory, and link-local addresses, which come by themselves a moment after the world. */
function withoutWhatMoves(status: Status): object {
  const findings = status.findings.filter(({ code }) => code !== "link-local-changed");
  return { ...status, findings, connections: undefined, memory: undefined };
}
