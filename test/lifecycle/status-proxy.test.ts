// The proxy is another program, and applications have connections of their own: what `status` says of both.

import { expect, test } from "vitest";
import { APP_UID, PROXY_UID, TPNET, World } from "../support/world.ts";
import { EBPF, holdAll, IPTABLES, REMOTE } from "./engines.ts";
import { expectFindings } from "./status-support.ts";
import { expectInterception, HeldConnections } from "./support.ts";

const ENGINES = [
  ["ebpf", EBPF],
  ["iptables", IPTABLES.nft],
] as const;

test.each(ENGINES)("the proxy comes, goes, and is somebody else: %s", async (_title, flags) => {
  await using world = await World.create();
  await world.install(...flags);
  const none = ["proxy-not-listening", "proxy-not-listening"];
  const [note] = await expectFindings(world, 0, none);
  expect(note).toMatchObject({ message: expect.stringContaining("port 15001"), remedy: "start the proxy." });

  // A proxy that nobody saw at an installation may come and go.
  const v4 = await world.startProxy({ listen: ["0.0.0.0:15001", "0.0.0.0:15006"] });
  await expectFindings(world, 0, ["proxy-family", "proxy-family"]);
  await v4.stop();
  await expectFindings(world, 0, none);

  const proxy = await world.startProxy();
  await expectFindings(world, 0, []);
  await world.install(...flags);
  await proxy.stop();
  const [gone] = await expectFindings(world, 2, ["proxy-gone", "proxy-gone"]);
  expect(gone?.message).toMatch(/^outbound: the proxy is gone: .* are refused$/);

  const other = await world.startProxy({ uid: APP_UID });
  const [user] = await expectFindings(world, 0, ["proxy-user", "proxy-user"]);
  expect(user?.message).toContain(`runs as user ${APP_UID}, not ${PROXY_UID}`);
  await other.stop();
});

test("where nobody listens all is left alone: the proxy is gone, and nothing is lost", async () => {
  await using world = await World.create();
  const proxy = await world.startProxy();
  await world.install("--when-proxy-down=bypass");
  await proxy.stop();
  const [note] = await expectFindings(world, 0, ["proxy-not-listening", "proxy-not-listening"]);
  expect(note?.message).toContain("are left alone");
});

test.each([...ENGINES, ["iptables-legacy", IPTABLES.legacy] as const])(
  "connections that are older than the installation, with their processes: %s",
  async (_title, flags) => {
    await using world = await World.create();
    await world.startProxy();
    await world.serve(["10.66.0.2:8080", "[fd66::2]:8080"], REMOTE);
    const server = await world.serve(["10.66.0.1:8080", "[fd66::1]:8080"], { cgroup: false });
    const old = await holdAll(world);
    const excluded = await HeldConnections.open(world, "10.66.0.2:8080", { uid: 1001 });
    await world.install(...flags, "--exclude-outbound-ports-for-uids", "tcp:8080:1001");
    await expectInterception(world);
    const redirected = await holdAll(world);

    const [note] = await expectFindings(world, 0, ["old-connections"]);
    expect(note?.message).toMatch(/^20 connections are not intercepted, .*tpnet \(process \d+\): 10, /);
    const { status } = await world.status();
    const found = status.oldConnections as {
      count: number;
      processes: { pid: number; connections: number }[];
    };
    expect(found.count).toBe(20);
    expect(found.processes.map(({ connections }) => connections)).toEqual([10, 5, 5]);
    // `tpnet run` becomes what it starts: the process is the server itself.
    expect(found.processes[0]?.pid).toBe(server.pid);
    for (const each of redirected) await each.expectAlive();
    for (const each of old) await each.expectUntouched();
    await excluded.expectUntouched();
    await expectFindings(world, 0, []);
  },
);

test("10 000 connections of one process", async () => {
  await using world = await World.create();
  await world.startProxy();
  await world.serve(["10.66.0.2:8080"], REMOTE);
  const flags = ["flood", "--to", "10.66.0.2:8080", "--count", "10000", "--parallel", "200", "--hold"];
  const isReady = (line: string) => line.startsWith("{");
  const client = await world.start([TPNET, ...flags], { uid: APP_UID, isReady, timeoutMs: 120_000 });
  await world.install();
  const { status } = await world.status();
  expect(status.oldConnections).toEqual({
    count: 10_000,
    processes: [{ pid: client.pid, command: "tpnet", connections: 10_000 }],
  });
});
