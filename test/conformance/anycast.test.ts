// A host that forwards has the address of all routers of each of its IPv6 networks (RFC 4291, 2.6.1): an anycast address.
// What it sends there stays on the host.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROXY_UID, World } from "../support/world.ts";
import { LEGACY, NFT, SK_LOOKUP, TC } from "./ways.ts";

const ROUTERS = "[fd66::]:80";

describe.each([SK_LOOKUP, TC, NFT, LEGACY])("$way", ({ flags }) => {
  let world: World;
  beforeAll(async () => {
    world = await World.create(async (created) => {
      const forward = await created.run(["sysctl", "-w", "net.ipv6.conf.all.forwarding=1"], {
        cgroup: false,
      });
      expect(forward.exitCode, forward.stderr).toBe(0);
      const routes = await created.ip("service", "-6", "route", "show", "table", "local");
      expect(routes).toContain("anycast fd66:: dev eth0");
      await created.startProxy();
    });
    await world.install(...flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("the proxy calling it calls its own host", async () => {
    const { server, peer } = await world.connect(ROUTERS, { uid: PROXY_UID });
    expect(server).toMatchObject({ listener: "[::]:15006", origdst: ROUTERS });
    expect(peer).toBe(ROUTERS);
  });

  test("an application is left alone: TCP answers at no anycast address", async () => {
    const result = await world.connect(ROUTERS, { flags: ["--timeout", "1000"] });
    expect(result).toMatchObject({ ok: false, server: null, stage: "connect" });
  });
});
