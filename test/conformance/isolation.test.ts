// Whom an installation concerns: the processes of one network namespace, and with eBPF only those of one cgroup.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunOptions, World } from "../support/world.ts";
import { outcome } from "./try-situation.ts";
import { EBPF_WAYS, WAYS, type Way } from "./ways.ts";

const PORTS = ["0.0.0.0:80", "[::]:80", "0.0.0.0:81", "[::]:81"];

/**
 * Two services, each with a proxy and a remote host of its own, in one cgroup:
 * service (10.66.0.1) – remote (10.66.0.2), second (10.66.5.1) – beyond (10.66.5.2).
 */
function twoServices(): Promise<World> {
  return World.create(async (world) => {
    await world.addNamespace("second");
    await world.addHost("beyond", "eth0", 5, "second");
    for (const host of ["service", "remote", "second", "beyond"]) await world.serve(PORTS, { host });
    for (const host of ["service", "second"]) await world.startProxy({ host });
  });
}

async function installSecond(world: World, ...flags: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await world.tproxyctl(world.installArguments(...flags), { host: "second" });
  expect(stderr).not.toContain("error");
  expect(exitCode).toBe(0);
}

/** The connection reaches this listener, with its destination if that is the proxy. */
async function expectConnection(
  world: World,
  way: Way,
  { listener, to, options }: { listener: number; to: string; options: RunOptions },
): Promise<void> {
  const original = listener > 15000 ? to : null;
  const connection = await world.connect(to, options);
  expect(outcome(connection, way)).toEqual({ error: "", peer: to, listener, original });
}

// iptables knows no cgroups: there, all processes of the namespace are the same.
describe.each(EBPF_WAYS)("inbound by $way", (way) => {
  test("a process outside of the cgroup is untouched, one inside is intercepted", async () => {
    await using world = await twoServices();
    await world.install(...way.flags);
    for (const to of ["10.66.0.2:80", "[fd66::2]:80"]) {
      await expectConnection(world, way, { listener: 15001, to, options: {} });
      await expectConnection(world, way, { listener: 80, to, options: { cgroup: false } });
    }
  });
});

describe.each(WAYS)("inbound by $way", (way) => {
  const { flags } = way;
  let world: World;

  beforeAll(async () => {
    world = await twoServices();
    await world.install(...flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  function expectAt(listener: number, to: string, options: RunOptions): Promise<void> {
    return expectConnection(world, way, { listener, to, options });
  }

  test("the processes of the namespace are intercepted", async () => {
    for (const to of ["10.66.0.2:80", "[fd66::2]:80"]) await expectAt(15001, to, {});
  });

  test("a process in another namespace is untouched, out and in", async () => {
    for (const to of ["10.66.5.2:80", "[fd66:5::2]:80"]) await expectAt(80, to, { host: "second" });
    for (const to of ["10.66.5.1:80", "[fd66:5::1]:80"]) await expectAt(80, to, { host: "beyond" });
  });

  test("a server in another namespace that uses the proxy's ports is none of its listeners", async () => {
    const stranger = await world.serve(["0.0.0.0:15001", "0.0.0.0:15006", "[::]:15001", "[::]:15006"], {
      host: "beyond",
      flags: ["--log"],
    });
    for (const to of ["10.66.0.1:80", "[fd66::1]:80"])
      await expectAt(15006, to, { host: "remote", cgroup: false });
    for (const to of ["10.66.5.2:15001", "[fd66:5::2]:15006"]) {
      const { server } = await world.connect(to, { host: "second" });
      expect(server).toMatchObject({ origdst: null });
    }
    await stranger.stop();
    expect(stranger.lines).toHaveLength(1 + 2);
  });

  test("a second installation in another namespace is independent of the first", async () => {
    // Different options show whose decide.
    await installSecond(world, ...flags, "--exclude-outbound-ports", "80", "--exclude-inbound-ports", "80");
    for (const [port, first, second] of [
      [80, true, false],
      [81, true, true],
    ] as const) {
      await expectAt(first ? 15001 : port, `10.66.0.2:${port}`, {});
      await expectAt(first ? 15001 : port, `[fd66::2]:${port}`, {});
      await expectAt(first ? 15006 : port, `10.66.0.1:${port}`, { host: "remote" });
      await expectAt(first ? 15006 : port, `[fd66::1]:${port}`, { host: "remote" });
      await expectAt(second ? 15001 : port, `10.66.5.2:${port}`, { host: "second" });
      await expectAt(second ? 15001 : port, `[fd66:5::2]:${port}`, { host: "second" });
      await expectAt(second ? 15006 : port, `10.66.5.1:${port}`, { host: "beyond" });
      await expectAt(second ? 15006 : port, `[fd66:5::1]:${port}`, { host: "beyond" });
    }
    // Each counts its own only.
    if (way.engine === "ebpf") expect(await world.counter("outboundExcludedPort")).toBe(0);

    await world.uninstall();
    await expectAt(80, "10.66.0.2:80", {});
    await expectAt(80, "10.66.0.1:80", { host: "remote" });
    await expectAt(15001, "[fd66:5::2]:81", { host: "second" });
    await expectAt(15006, "10.66.5.1:81", { host: "beyond" });
    const removed = await world.tproxyctl(["uninstall", "transparent-proxy"], { host: "second" });
    expect(removed.exitCode).toBe(0);
    await expectAt(81, "10.66.5.2:81", { host: "second" });
    await expectAt(81, "10.66.5.1:81", { host: "beyond" });
  });
});
