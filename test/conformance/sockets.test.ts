// Sockets that are special, beyond what the table of situations says.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelCounter } from "../support/kernel-counters.ts";
import { APP_UID, type Connection, PROXY_UID, TPNET, type World } from "../support/world.ts";
import { outcome, startWorld } from "./try-situation.ts";
import { EBPF_WAYS, WAYS } from "./ways.ts";

const KINDS = [
  { socket: "v4", to: "10.66.0.2:80", peer: "10.66.0.2:80", flags: [] },
  { socket: "v6", to: "[fd66::2]:80", peer: "[fd66::2]:80", flags: [] },
  { socket: "mapped", to: "10.66.0.2:80", peer: "[::ffff:10.66.0.2]:80", flags: ["--mapped"] },
] as const;

// iptables has no say in which device a socket is bound to: with it such a connection is sent to the proxy and cannot get
// there, as with kumactl. What is stated here is the policy of the eBPF engine.
describe.each(EBPF_WAYS)("bound to a device, inbound by $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    await world.install(...way.flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  describe.each(KINDS)("$socket", ({ to, peer, flags }) => {
    // Loopback, where the proxy is, cannot be reached from another device: a stated policy, not a hang.
    test.each([
      ["an application's", APP_UID, to],
      [
        "the proxy's own, to an address of this host,",
        PROXY_UID,
        to.includes("fd66") ? "[fd66::1]:80" : "10.66.0.1:80",
      ],
    ])("%s bound to a device is refused at once, and counted", async (_whose, uid, where) => {
      const before = await world.counter("outboundDeviceBound");
      // Without CAP_NET_RAW a socket can be bound once, as since Linux 5.7.
      const connection = await world.connect(where, { uid, flags: ["--device", "eth0", ...flags] });
      expect(connection).toMatchObject({ ok: false, stage: "connect", error: "EPERM", server: null });
      expect(connection.ms).toBeLessThan(1000);
      expect(await world.counter("outboundDeviceBound")).toBe(before + 1);
    });

    test("one bound to lo is intercepted", async () => {
      const connection = await world.connect(to, { flags: ["--device", "lo", ...flags] });
      expect(outcome(connection, way)).toEqual({ error: "", peer, listener: 15001, original: to });
    });
  });
});

describe.each(WAYS)("inbound by $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    await world.install(...way.flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  describe.each(KINDS)("$socket", ({ to, flags }) => {
    // Its getpeername is that of the MPTCP socket, of which the hooks never hear: a known limit, not stated here.
    test("an MPTCP one is intercepted", async () => {
      const connection = await world.connect(to, { flags: ["--mptcp", ...flags] });
      expect(outcome(connection, way)).toMatchObject({ error: "", listener: 15001, original: to });
    });
  });

  test("TCP fast open carries its data in the SYN to the proxy", async () => {
    const before = await fastOpens(world);
    await world.connect("10.66.0.2:80", { flags: ["--fastopen"] });
    await world.connect("[fd66::2]:80", { flags: ["--fastopen"] });
    expect(await fastOpens(world)).toBe(before + 2);
  });

  test.each([
    {
      name: "remote, own, another remote",
      to: ["10.66.0.2:80", "10.66.0.1:80", "10.66.0.3:81"],
      original: ["10.66.0.2:80", null, "10.66.0.3:81"],
      peer: ["10.66.0.2:80", "10.66.0.1:80", "10.66.0.3:81"],
    },
    {
      name: "remote, own, another remote in IPv6",
      to: ["[fd66::2]:80", "[fd66::1]:80", "[fd66::3]:81"],
      original: ["[fd66::2]:80", null, "[fd66::3]:81"],
      peer: ["[fd66::2]:80", "[fd66::1]:80", "[fd66::3]:81"],
    },
    {
      // Not back again: after IPv4, Linux itself cannot connect the socket to IPv6 any more.
      name: "IPv6, then IPv4",
      to: ["[fd66::2]:80", "10.66.0.2:81"],
      original: ["[fd66::2]:80", "10.66.0.2:81"],
      peer: ["[fd66::2]:80", "[::ffff:10.66.0.2]:81"],
    },
  ])("one dissolved and connected again: $name", async ({ to, original, peer }) => {
    for (const connectionFlags of [[], ["--nonblock"]]) {
      const results = await reconnect(world, to, connectionFlags);
      expect(results.map(({ error }) => error)).toEqual(to.map(() => ""));
      expect(results.map((result) => outcome(result, way).original)).toEqual(original);
      expect(results.map((result) => result.peer)).toEqual(peer);
    }
  });

  test.each([
    // Nothing listens on port 9999, neither here nor on the remote host.
    { to: ["10.66.0.1:9999", "10.66.0.2:80"], error: "ECONNREFUSED" },
    { to: ["[fd66::1]:9999", "[fd66::2]:80"], error: "ECONNREFUSED" },
    { to: ["224.0.0.1:80", "10.66.0.2:80"], error: "ENETUNREACH" },
    { to: ["[ff02::1]:80", "[fd66::2]:80"], error: "ENETUNREACH" },
  ])("one that failed ($error, $to.0) and is connected again is intercepted", async ({ to, error }) => {
    const [first, second] = await reconnect(world, to);
    expect(first).toMatchObject({ ok: false, error, server: null });
    expect(second).toMatchObject({ ok: true, peer: to[1], server: { origdst: to[1] } });
  });
});

const fastOpens = (world: World) => kernelCounter(world, "TcpExtTCPFastOpenPassive");

async function reconnect(world: World, to: readonly string[], flags: readonly string[] = []) {
  const args = [TPNET, "reconnect", ...to.flatMap((each) => ["--to", each]), ...flags];
  const { stdout, stderr } = await world.run(args, { uid: APP_UID });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Connection[];
}
