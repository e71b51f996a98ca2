// Under load no destination is ever lost or mixed up.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, type RunOptions, World } from "../support/world.ts";
import { expectAlive, flood, hold, startProxies } from "./floods.ts";
import { handshakes } from "./handshakes.ts";
import { WAYS } from "./ways.ts";

const SEQUENTIAL = { count: 100_000, processes: 1, parallel: 1 };
const PARALLEL = { count: 20_000, processes: 2, parallel: 20_000 };
const OPEN = { count: 40_000, processes: 4 };

const APP: RunOptions = { uid: APP_UID };
const REMOTE: RunOptions = { uid: APP_UID, host: "remote", cgroup: false };

/** Any port of any address. The proxy answers by itself: no host has these addresses. */
const OUTBOUND = [
  { name: "outbound v4", args: ["--to-net", "198.18.0.0/15", "--ports", "1-65535"], options: APP },
  { name: "outbound v6", args: ["--to-net", "2001:db8::/32", "--ports", "1-65535"], options: APP },
] as const;

const INBOUND = [
  { name: "inbound v4", args: ["--to-net", "10.67.0.0/16", "--ports", "1-65535"], options: REMOTE },
  { name: "inbound v6", args: ["--to-net", "fd67::/64", "--ports", "1-65535"], options: REMOTE },
] as const;

const ONE_DESTINATION = [
  { name: "outbound v4", args: ["--to", "10.66.0.2:80"], options: APP },
  { name: "outbound v6", args: ["--to", "[fd66::2]:80"], options: APP },
] as const;

describe.each(WAYS)("inbound by $way", ({ way, flags }) => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    // Everything in these networks is an address of the service.
    await world.ip("service", "route", "add", "local", "10.67.0.0/16", "dev", "lo");
    await world.ip("service", "-6", "route", "add", "local", "fd67::/64", "dev", "lo");
    await startProxies(world, 4);
    await world.install(...flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  // Outbound is the same with both ways, but for sk_lookup, which spreads IPv6 in both.
  const sequential = way === "tc" ? INBOUND : [...OUTBOUND, ...INBOUND];
  test.each(sequential)("100 000 sequential connections, $name", async ({ args, options }) => {
    await flood(world, args, SEQUENTIAL, options);
  });

  test.each([...OUTBOUND, ...INBOUND])("20 000 parallel connections, $name", async ({ args, options }) => {
    await flood(world, args, PARALLEL, options);
    expect(await handshakes(world)).toEqual([]);
  });
});

describe("to one destination", () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    await startProxies(world, 4);
    await world.install();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  // More than there are ephemeral ports: 28 232.
  test.each(ONE_DESTINATION)(
    "40 000 connections are open at the same time, $name",
    async ({ args, options }) => {
      const holders = await hold(world, args, OPEN, options);
      await expectAlive(holders);
      expect(await handshakes(world)).toEqual([]);
    },
  );
});
