// What DNS cannot do for sockets that are used in ways of which resolvers know nothing: as dns-limits.test.ts.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, PROXY_UID, type RunOptions, type World } from "../support/world.ts";
import { askServers } from "./dns-situation.ts";
import { startDnsWorld } from "./dns-world.ts";
import { LEGACY, NFT, SK_LOOKUP } from "./ways.ts";

const V4 = "10.66.0.2:53";
const V6 = "[fd66::2]:53";
const FIXTURES = join(import.meta.dirname, "fixtures");

function answered(listener: string, source: string) {
  return { listener, source };
}

function fails(error: string, step: string) {
  return { error, step };
}

describe.each([SK_LOOKUP, NFT, LEGACY])("$way", ({ engine, flags: way }) => {
  let world: World;
  beforeAll(async () => {
    world = await startDnsWorld();
    await world.install(...way, "--redirect-all-dns-traffic");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const ask = async (options: RunOptions, ...args: readonly string[]) => {
    const { stdout, stderr } = await world.run(["python3", join(FIXTURES, "ask-oddly.py"), ...args], options);
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  };
  const byProxy = (server: string) =>
    answered(server.startsWith("[") ? "[::1]:15053" : "127.0.0.1:15053", server);

  test.each([
    { name: "unicast-if", server: V4, connected: false, ebpf: fails("ETIMEDOUT", "receive") },
    { name: "unicast-if", server: V4, connected: true, ebpf: fails("ETIMEDOUT", "receive") },
    { name: "unicast-if", server: V6, connected: false, ebpf: fails("ENETUNREACH", "send") },
    { name: "unicast-if", server: V6, connected: true, ebpf: fails("ENETUNREACH", "connect") },
    { name: "packet-info", server: V4, connected: false, ebpf: fails("ETIMEDOUT", "receive") },
    { name: "packet-info", server: V4, connected: true, ebpf: fails("ETIMEDOUT", "receive") },
    { name: "packet-info", server: V6, connected: false, ebpf: fails("ENETUNREACH", "send") },
    { name: "packet-info", server: V6, connected: true, ebpf: fails("ENETUNREACH", "send") },
  ])("an interface that is named by $name ($server, connected: $connected)", async (row) => {
    const { name, server, connected, ebpf } = row;
    const flags = ["--server", server, "--interface", "eth0", ...(connected ? ["--connected"] : [])];
    expect(await ask({ uid: APP_UID }, name, ...flags)).toEqual(engine === "ebpf" ? ebpf : byProxy(server));
  });

  test.each([
    { server: V4, next: "10.66.0.2:5353", ebpf: fails("EINVAL", "connect again") },
    { server: V6, next: "[fd66::2]:5353", ebpf: fails("ETIMEDOUT", "receive again") },
  ])("connected to $server, then to $next", async ({ server, next, ebpf }) => {
    const found = await ask({ uid: APP_UID }, "again", "--server", server, "--connected", "--then", next);
    expect(found).toEqual(engine === "ebpf" ? ebpf : answered(next, next));
  });

  test.each([
    { server: V4, next: "10.66.0.3:53" },
    { server: V6, next: "[fd66::3]:53" },
  ])("connected to $server, then to another name server", async ({ server, next }) => {
    const found = await ask({ uid: APP_UID }, "again", "--server", server, "--connected", "--then", next);
    expect(found).toEqual(byProxy(next));
  });

  test.each([
    { real: APP_UID, effective: PROXY_UID, redirectedBy: "ebpf" },
    { real: PROXY_UID, effective: APP_UID, redirectedBy: "iptables" },
  ])("of real user $real and effective user $effective", async ({ real, effective, redirectedBy }) => {
    for (const manner of [[], ["--connected"]]) {
      const found = await ask({}, "plain", "--server", V4, "--users", `${real},${effective}`, ...manner);
      expect(found).toEqual(engine === redirectedBy ? byProxy(V4) : answered(V4, V4));
    }
  });

  test("to a broadcast address, without SO_BROADCAST", async () => {
    const to = "10.66.0.255:53";
    const found = await ask({ uid: APP_UID }, "plain", "--server", to);
    expect(found).toEqual(engine === "ebpf" ? byProxy(to) : fails("EACCES", "send"));
  });

  test("a DNS proxy that answers from a connected socket", async () => {
    const listen = ["127.0.0.1:35053", "[::1]:35053"];
    await world.start(["python3", join(FIXTURES, "serve-connected.py"), ...listen], { uid: PROXY_UID });
    await world.install(...way, "--redirect-all-dns-traffic", "--redirect-dns-port", "35053");
    for (const servers of [
      ["10.66.0.2", "10.66.0.3"],
      ["fd66::2", "fd66::3"],
    ]) {
      const flags = ["--timeout", "1500", "--wary"];
      expect(await askServers(world, servers, ["--connected", ...flags], APP_UID)).toMatchObject({
        answered: 2,
      });
      expect(await askServers(world, servers, ["--unconnected", ...flags], APP_UID)).toMatchObject(
        engine === "ebpf" ? { answered: 1, error: "ETIMEDOUT" } : { answered: 2, error: "" },
      );
    }
  });
});
