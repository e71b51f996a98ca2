// Under load no destination is ever lost or mixed up.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectDoneBy } from "../conformance/evidence.ts";
import { handshakes } from "../conformance/handshakes.ts";
import { LEGACY, NFT, SK_LOOKUP, TC, WAYS, type Way } from "../conformance/ways.ts";
import { howOften } from "../support/extent.ts";
import { APP_UID, type RunOptions, World } from "../support/world.ts";
import { expectAlive, flood, hold, startProxies } from "./floods.ts";

const SEQUENTIAL = { count: howOften(100_000, 20_000), processes: 1, parallel: 1 };
const PARALLEL = { count: 20_000, processes: 2, parallel: 20_000 };
const OPEN = { count: 40_000, processes: 4 };

const APP: RunOptions = { uid: APP_UID };
const REMOTE: RunOptions = { uid: APP_UID, host: "remote", cgroup: false };

/**
 * Any port of any address. The proxy answers by itself: no host has these addresses. There is a way to them, since iptables
 * comes after the kernel's routing, which refuses what it knows no way for; eBPF comes before.
 */
const OUTBOUND = [
  { name: "outbound v4", args: ["--to-net", "198.18.0.0/15", "--ports", "1-65535"], options: APP },
  { name: "outbound v6", args: ["--to-net", "2001:db8::/32", "--ports", "1-65535"], options: APP },
] as const;

const INBOUND = [
  { name: "inbound v4", args: ["--to-net", "10.67.0.0/16", "--ports", "1-65535"], options: REMOTE },
  { name: "inbound v6", args: ["--to-net", "fd67::/64", "--ports", "1-65535"], options: REMOTE },
] as const;

const ONE_DESTINATION = [
  { name: "outbound v4", args: ["--to", "10.66.0.2:80"] },
  { name: "outbound v6", args: ["--to", "[fd66::2]:80"] },
] as const;

/**
 * Outbound is the same with both ways of eBPF, but for sk_lookup, which spreads IPv6 in both. What redirects is the same in
 * the kernel for both ways of iptables.
 */
function sequentialOf(way: Way): readonly (typeof OUTBOUND | typeof INBOUND)[number][] {
  if (way === LEGACY) return [];
  return way === TC ? INBOUND : [...OUTBOUND, ...INBOUND];
}

/** What the proxy was not given is nowhere: with eBPF, the handshakes in flight. */
async function expectNothingLeft(world: World, way: Way): Promise<void> {
  if (way.engine === "ebpf") expect(await handshakes(world)).toEqual([]);
}

describe.each(WAYS)("inbound by $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    // Everything in these networks is an address of the service.
    await world.ip("service", "route", "add", "local", "10.67.0.0/16", "dev", "lo");
    await world.ip("service", "-6", "route", "add", "local", "fd67::/64", "dev", "lo");
    await world.ip("service", "route", "add", "198.18.0.0/15", "via", "10.66.0.2");
    await world.ip("service", "-6", "route", "add", "2001:db8::/32", "via", "fd66::2");
    await startProxies(world, 4);
    await world.install(...way.flags);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const sequential = sequentialOf(way);
  test.each(sequential)(`${SEQUENTIAL.count} sequential connections, $name`, async ({ args, options }) => {
    await flood(world, args, SEQUENTIAL, options);
  });

  test.each([...OUTBOUND, ...INBOUND])("20 000 parallel connections, $name", async ({ args, options }) => {
    await flood(world, args, PARALLEL, options);
    await expectNothingLeft(world, way);
  });

  test(`was done by ${way.way}`, async () => {
    const inbound = sequential.filter(({ options }) => options === REMOTE).length;
    await expectDoneBy(world, way, inbound * SEQUENTIAL.count + INBOUND.length * PARALLEL.count);
  });
});

// tc has no part in this, and iptables-legacy's target is the same as iptables-nft's.
describe.each([SK_LOOKUP, NFT])("to one destination: $engine", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    await startProxies(world, 4);
    await world.install(...way.flags);
    if (way.engine === "iptables") await giveSources(world);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.each(ONE_DESTINATION)("40 000 connections are open at the same time, $name", async ({ args }) => {
    const holders = await hold(world, args, OPEN, (index) => ({ uid: APP_UID + index }));
    await expectAlive(holders);
    await expectNothingLeft(world, way);
  });
});

/**
 * To each process an address of its own: with iptables, as without anything, an address has no more connections to a
 * destination than there are ephemeral ports, 28 232. With eBPF one address is enough.
 */
async function giveSources(world: World): Promise<void> {
  for (let i = 0; i < OPEN.processes; i++) {
    const [uids, table] = [`${APP_UID + i}-${APP_UID + i}`, `${100 + i}`];
    for (const [family, source, bits, remote] of [
      ["-4", `10.66.0.${10 + i}`, 24, "10.66.0.2"],
      ["-6", `fd66::${10 + i}`, 64, "fd66::2"],
    ] as const) {
      const nodad = family === "-6" ? ["nodad"] : [];
      await world.ip("service", "address", "add", `${source}/${bits}`, "dev", "eth0", ...nodad);
      await world.ip("service", family, "rule", "add", "uidrange", uids, "lookup", table);
      await world.ip("service", family, "route", "add", remote, "dev", "eth0", "src", source, "table", table);
    }
  }
}
