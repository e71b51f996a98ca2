// Fail closed: without a proxy a connection is refused at once, and never reaches whom it was meant for.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, PROXY_UID, type Running, World } from "../support/world.ts";
import { inboundTaken } from "./evidence.ts";
import { CONNECTIONS, connect } from "./proxy-down-situations.ts";
import { outcome } from "./try-situation.ts";
import { WAYS } from "./ways.ts";

describe.each(WAYS)("inbound by $way", (way) => {
  let world: World;
  const servers: Running[] = [];

  beforeAll(async () => {
    world = await World.create();
    await world.install(...way.flags);
    for (const host of ["service", "remote"])
      servers.push(await world.serve(["0.0.0.0:80", "[::]:80"], { host, flags: ["--log"] }));
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** With iptables it is not our work that refuses: they are sent to the proxy's port, where nobody is. */
  function refusedInbound(): Promise<number> {
    return way.engine === "ebpf" ? world.counter("inboundNoListener") : inboundTaken(world, way);
  }

  async function expectRefused(): Promise<void> {
    for (const each of CONNECTIONS) {
      const connection = await connect(world, each);
      expect({ name: each.name, ...outcome(connection, way) }).toMatchObject({
        name: each.name,
        error: "ECONNREFUSED",
        listener: null,
      });
      expect(connection.ms).toBeLessThan(1000);
    }
    for (const server of servers) expect(server.lines).toEqual(["ready"]);
  }

  test("before the proxy was ever started, each is refused within a second and seen by nobody", async () => {
    const before = await refusedInbound();
    await expectRefused();
    const inbound = CONNECTIONS.filter(({ host }) => host === "remote").length;
    expect(await refusedInbound()).toBe(before + inbound);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "with the proxy it is intercepted, and when that has ended by %s it is refused again",
    async (signal) => {
      const proxy = await world.startProxy();
      for (const each of CONNECTIONS)
        expect(outcome(await connect(world, each), way)).toMatchObject({
          error: "",
          listener: each.listener,
          original: each.to,
        });
      await proxy.stop(signal);
      await expectRefused();
    },
  );

  // What makes the silence of the servers mean something.
  test("the servers are there and say what reaches them", async () => {
    await world.connect("10.66.0.2:80", { uid: PROXY_UID });
    await world.connect("[fd66::1]:80", { uid: APP_UID });
    for (const server of servers) await server.waitFor((line) => line !== "ready");
  });
});
