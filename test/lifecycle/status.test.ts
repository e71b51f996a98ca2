import { execa } from "execa";
import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { World } from "../support/world.ts";
import { expectInterception, intactStatus, type Status, worldWithProxy } from "./support.ts";

test("says as JSON what is installed, where, and what it did", async () => {
  await using world = await worldWithProxy();
  await world.install("--ebpf-tc-attach-iface", "eth0", "--exclude-outbound-ports", "22,443");
  await expectInterception(world);
  const { status } = await world.status();
  expect(status).toMatchObject({
    installed: true,
    engine: "ebpf",
    pins: expect.stringMatching(new RegExp(`^${world.bpffs}/`)),
    record: {
      proxyUser: { uid: 5678 },
      outbound: { redirect: true, port: 15001, excludedPorts: [22, 443] },
      inbound: { redirect: true, port: 15006, excludedPorts: [] },
      ipv6: true,
      instance: "all",
      tcInterface: "eth0",
      cgroupPath: world.cgroup,
    },
    listening: { outbound: ["0.0.0.0:15001", "[::]:15001"], inbound: ["0.0.0.0:15006", "[::]:15006"] },
    connections: { outboundRedirected: 2, inboundRedirected: 2, outboundProxyUser: 0 },
  });
  const { memory } = await intactStatus(world);
  // The goal of the issue for an idle instance.
  expect(memory.maps + memory.programs).toBeLessThanOrEqual(4 * 1024 * 1024);
  expect(Math.min(memory.maps, memory.programs)).toBeGreaterThan(0);
});

test("the links and programs that it names are those of the kernel", async () => {
  await using world = await World.create();
  await world.install("--ebpf-tc-attach-iface", "eth0");
  const { hooks } = await intactStatus(world);
  expect(hooks.map(({ hook }) => hook.program).sort()).toEqual([
    "tp_connect4",
    "tp_connect6",
    "tp_getpeername4",
    "tp_getpeername6",
    "tp_getsockopt",
    "tp_lookup",
    "tp_sockops",
    "tp_tc_ingress",
  ]);
  for (const { hook, linkId, programId } of hooks) {
    const [link, program] = await Promise.all([
      execa("bpftool", ["-j", "link", "show", "id", String(linkId)]),
      execa("bpftool", ["-j", "prog", "show", "id", String(programId)]),
    ]);
    expect(JSON.parse(link.stdout)).toMatchObject({ id: linkId, prog_id: programId });
    expect(JSON.parse(program.stdout)).toMatchObject({ id: programId, name: hook.program });
  }
});

test("says the same in words", async () => {
  await using world = await worldWithProxy();
  await world.install("--exclude-inbound-ports", "22");
  await expectInterception(world);
  const { stdout, exitCode } = await world.tproxyctl(["status"]);
  expect(exitCode).toBe(0);
  for (const line of [
    /^engine: ebpf \(tproxyctl \d+\.\d+\.\d+/m,
    /^proxy user: 5678$/m,
    /^outbound: to port 15001; the proxy listens on 0\.0\.0\.0:15001, \[::\]:15001$/m,
    /^inbound: to port 15006, but for the ports 22; the proxy listens on 0\.0\.0\.0:15006, /m,
    /^IPv6: intercepted$/m,
    /^inbound addresses: all$/m,
    /^ {2}tp_connect4: connect4 on cgroup \S+: attached/m,
    /^ {2}tp_lookup: sk_lookup on this network namespace: attached/m,
    /^memory: \d+ bytes of maps, \d+ bytes of programs$/m,
    /^ {2}outboundRedirected: 2$/m,
    /^ {2}inboundRedirected: 2$/m,
  ])
    expect(stdout).toMatch(line);
});

test("says where the proxy does not listen", async () => {
  await using world = await World.create();
  await world.install();
  const proxy = await world.startProxy({ listen: ["127.0.0.1:15001"] });
  expect((await intactStatus(world)).listening).toEqual({ outbound: ["127.0.0.1:15001"], inbound: [] });
  await proxy.stop();
  const { stdout } = await world.tproxyctl(["status"]);
  expect(stdout).toMatch(/^inbound: to port 15006; the proxy does not listen$/m);
  expect(stdout).toMatch(/^outbound: to port 15001; the proxy does not listen$/m);
});

test("exit status 1: not installed, whatever other namespaces have", async () => {
  await using world = await World.create();
  await world.install();
  const remote = { host: "remote" } as const;
  const text = await world.tproxyctl(["status"], remote);
  expect(text).toMatchObject({ exitCode: 1, stdout: "not installed in this network namespace" });
  const json = await world.tproxyctl(["status", "--json"], remote);
  expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({
    exitCode: 1,
    stdout: { installed: false },
  });
});

test.each(["getsockopt", "sockops", "connect4", "connect6", "netns", "tc"])(
  "exit status 2: the link at %s was detached behind its back; install mends it",
  async (place) => {
    await using world = await worldWithProxy();
    const before = await kernelState(world);
    await world.install("--ebpf-tc-attach-iface", "eth0");
    const isThere = ({ hook }: Status["hooks"][number]) => hook.hook === place || hook.kind === place;
    const found = (await intactStatus(world)).hooks.find(isThere);
    await execa("bpftool", ["link", "detach", "id", String(found?.linkId)]);
    const { exitCode, status } = await world.status();
    expect(exitCode).toBe(2);
    const { hooks } = status as unknown as Status;
    expect(hooks.filter(({ state }) => state !== "attached").map(({ hook }) => hook)).toEqual([found?.hook]);
    expect((await world.tproxyctl(["status"])).stdout).toMatch(/: detached$/m);
    await world.install("--ebpf-tc-attach-iface", "eth0");
    await intactStatus(world);
    await expectInterception(world);
    await world.uninstall();
    await expectState(world, before);
  },
);

test("changes nothing", async () => {
  await using world = await World.create();
  await world.install();
  const before = await kernelState(world);
  await world.status();
  await world.tproxyctl(["status"]);
  await expectState(world, before);
});
