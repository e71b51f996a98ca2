// TCP by the eBPF engine: tried with each of the ways in.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { decidedAgain } from "../support/kernel-counters.ts";
import { APP_UID, TPNET } from "../support/world.ts";
import { absent, type Check, type Guest } from "./check.ts";
import {
  app,
  connection,
  everyDirection,
  hooksOf,
  other,
  outcome,
  proxy,
  refused,
  remote,
  serveBoth,
} from "./steps.ts";

const EXCLUDED = ["--exclude-inbound-ports", "81", "--exclude-outbound-ports", "81"];

/** The way in that a group is about. */
export type Way = "sk_lookup" | "tc";

export function ebpfChecks(way: Way): readonly Check[] {
  const inbound = way === "tc" ? "inboundTc" : "inboundLookup";
  return [
    INSTALL,
    ...(way === "tc" ? [NETWORKS] : []),
    ATTACHED,
    refused("no proxy: app → remote (v4)", app, "10.66.0.2:80"),
    refused("no proxy: app → remote (v6)", app, "[fd66::2]:80"),
    refused("no proxy: remote → local (v4)", remote, "10.66.0.1:80"),
    refused("no proxy: remote → local (v6)", remote, "[fd66::1]:80"),
    PROXY,
    connection("app → remote (v4)", app, "10.66.0.2:80", { listener: 15001 }, { column: "outbound" }),
    connection("app → remote (v6)", app, "[fd66::2]:80", { listener: 15001 }, { column: "outbound" }),
    connection("app → remote, excluded port (v4)", app, "10.66.0.2:81", { listener: 81 }),
    connection("app → remote, excluded port (v6)", app, "[fd66::2]:81", { listener: 81 }),
    connection("app → own address (v4)", app, "10.66.0.1:80", { listener: 80 }),
    connection("app → own address (v6)", app, "[fd66::1]:80", { listener: 80 }),
    connection("app → localhost (v4)", app, "127.0.0.1:80", { listener: 80 }),
    connection("app → localhost (v6)", app, "[::1]:80", { listener: 80 }),
    connection("proxy → remote (v4)", proxy, "10.66.0.2:80", { listener: 80 }),
    connection("proxy → remote (v6)", proxy, "[fd66::2]:80", { listener: 80 }),
    connection("proxy → own address (v4)", proxy, "10.66.0.1:80", { listener: 15006 }),
    connection("proxy → own address (v6)", proxy, "[fd66::1]:80", { listener: 15006 }),
    connection(
      "proxy → own address (mapped)",
      proxy,
      "10.66.0.1:80",
      { listener: 15006, peer: "[::ffff:10.66.0.1]:80" },
      { flags: ["--mapped"] },
    ),
    passthrough("v4", "10.66.0.1:80", "127.0.0.6"),
    passthrough("v6", "[fd66::1]:80", "::6"),
    connection("remote → local (v4)", remote, "10.66.0.1:80", { listener: 15006 }, { column: inbound }),
    connection("remote → local (v6)", remote, "[fd66::1]:80", { listener: 15006 }, { column: inbound }),
    connection("remote → local, port without listener (v4)", remote, "10.66.0.1:9999", { listener: 15006 }),
    connection("remote → local, excluded port (v4)", remote, "10.66.0.1:81", { listener: 81 }),
    connection("remote → local, excluded port (v6)", remote, "[fd66::1]:81", { listener: 81 }),
    ...(way === "tc" ? [INTERFACE, TCX] : [GETPEERNAME]),
    FLOOD,
    steered(way),
    REUSEPORT,
    ...(way === "tc" ? [] : [AGAIN]),
    UNINSTALL,
    { ...RUNNING_PROXY, whole: way === "tc" },
    BYPASS,
  ];
}

const INSTALL: Check = {
  name: "install",
  essential: true,
  run: async ({ world, flags }) => {
    const { stdout } = await world.install(...flags, ...EXCLUDED);
    match(stdout, /completed successfully/);
    await serveBoth(world, [80, 81]);
    return undefined;
  },
};

/** A dry run loads the programs, and applies no rules. */
const NETWORKS: Check = {
  name: "virtual networks: the programs load",
  whole: true,
  run: async ({ world, flags }) => {
    const args = world.installArguments(...flags, "--vnet=eth0:10.66.0.0/16,eth0:fd66::/32", "--dry-run");
    const { exitCode, stdout, stderr } = await world.tproxyctl(args);
    equal(exitCode, 0, stderr);
    match(stdout, /^virtual networks: eth0:10\.66\.0\.0\/16, eth0:fd66::\/32$/m);
    return undefined;
  },
};

const ATTACHED: Check = {
  name: "status: all is attached",
  run: async ({ world }) => {
    const { exitCode, status } = await world.status();
    const hooks = await hooksOf(world);
    deepEqual(
      hooks.filter(({ state }) => state !== "attached"),
      [],
    );
    equal(exitCode, 0);
    return `${hooks.length} hooks, ${JSON.stringify(status.memory)}`;
  },
};

const PROXY: Check = {
  name: "the proxy starts after install",
  run: async (guest) => {
    guest.proxy = await guest.world.startProxy();
    return undefined;
  },
};

function passthrough(family: string, to: string, from: string): Check {
  const flags = ["--from", from];
  return connection(`passthrough → own address (${family})`, proxy, to, { listener: 80 }, { flags });
}

/** The application sees whom it asked for, also by an AF_INET6 socket. */
const GETPEERNAME: Check = {
  name: "getpeername (v4, v6, mapped)",
  column: "getpeername",
  run: async ({ world }) => {
    const peers: (string | null)[] = [];
    for (const [to, flags] of [
      ["10.66.0.2:80", []],
      ["[fd66::2]:80", []],
      ["10.66.0.2:80", ["--mapped"]],
    ] as const)
      peers.push((await world.connect(to, { ...app, flags })).peer);
    const asked = ["10.66.0.2:80", "[fd66::2]:80", "[::ffff:10.66.0.2]:80"];
    if (isDeepStrictEqual(peers, asked)) return undefined;
    const hooks = (await hooksOf(world)).filter(({ program }) => program.startsWith("tp_getpeername"));
    equal(hooks.length, 0, `the application sees ${peers}`);
    return absent("5.8", `no hook; the application sees ${peers}`);
  },
};

const INTERFACE: Check = {
  name: "only the named interface is intercepted",
  column: "inboundTc",
  run: async ({ world }) => {
    for (const to of ["10.66.1.1:80", "[fd66:1::1]:80"])
      equal(outcome(await world.connect(to, other)).listener, 80, to);
    return undefined;
  },
};

const TCX: Check = {
  name: "attached by tcx, or as a clsact filter",
  column: "tcx",
  run: async ({ world }) => {
    const show = ["tc", "filter", "show", "dev", "eth0", "ingress"];
    const { stdout } = await world.run(show, { cgroup: false });
    if (!/\bbpf\b/.test(stdout)) return { state: "works", detail: "no filter" };
    match(stdout, /tp_tc_ingress/);
    return absent("6.6", "a clsact filter", "falls back");
  },
};

const FLOOD: Check = {
  name: "many connections keep their destinations",
  column: "outbound",
  run: async ({ world }) => {
    for (const net of ["10.99.0.0/16", "fd99::/64"]) {
      const ports = ["--ports", "1000-2000", "--count", "1000", "--parallel", "20"];
      const flood = [TPNET, "flood", "--to-net", net, ...ports];
      const { stdout, stderr, exitCode } = await world.run(flood, { uid: APP_UID });
      equal(exitCode, 0, stderr);
      const { right, wrong_peer } = JSON.parse(stdout) as Record<string, unknown>;
      deepEqual({ right, wrong_peer }, { right: 1000, wrong_peer: 0 }, stdout);
    }
    return undefined;
  },
};

function steered(way: Way): Check {
  return {
    name: "inbound is steered as it should be",
    column: way === "tc" ? "inboundTc" : "inboundLookup",
    run: async ({ world }) => {
      const { status } = await world.status();
      const { inboundSynTc: tc = 0, inboundSynLookup: lookup = 0 } = status.connections as Record<
        string,
        number
      >;
      const found = `tc ${tc}, sk_lookup ${lookup}`;
      if (way === "sk_lookup" && lookup === 0 && tc > 0) return absent("5.9", found, "falls back");
      ok(way === "tc" ? tc > 0 : lookup > 0, found);
      return found;
    },
  };
}

/** Before 6.6 tc cannot hand a connection to such a listener. */
const REUSEPORT: Check = {
  name: "a restarted proxy with SO_REUSEPORT listeners",
  column: "reuseport",
  run: async (guest) => {
    const { world, group } = guest;
    await guest.proxy?.stop();
    guest.proxy = await world.startProxy({ flags: ["--reuseport", "4"] });
    const tc = async () => (group.name === "tc" ? world.counter("inboundSynTc") : 0);
    const before = await tc();
    for (let i = 0; i < 2; i++) await everyDirection(world);
    if (group.name !== "tc" || (await tc()) > before) return undefined;
    return absent("6.6", "sk_lookup in place of tc", "falls back");
  },
};

const AGAIN: Check = {
  name: "install again, with the proxy running",
  whole: true,
  run: async ({ world, flags }) => {
    const { stdout } = await world.install(...flags);
    match(stdout, /changed in place/);
    await everyDirection(world);
    equal((await world.status()).exitCode, 0);
    return undefined;
  },
};

const UNINSTALL: Check = {
  name: "uninstall: connections go where they went before",
  run: async ({ world }) => {
    await world.uninstall();
    equal(outcome(await world.connect("10.66.0.2:80")).listener, 80);
    equal((await world.status()).exitCode, 1);
    return undefined;
  },
};

const RUNNING_PROXY: Check = {
  name: "install with a proxy that already runs",
  run: async (guest) => {
    const { world, flags } = guest;
    await world.install(...flags);
    await everyDirection(world);
    await world.uninstall();
    return undefined;
  },
};

const BYPASS: Check = {
  name: "with bypass: past the proxy while nobody listens, to it when it is there",
  whole: true,
  run: async (guest: Guest) => {
    const { world, flags } = guest;
    // Its programs for DNS are loaded, too.
    await world.install(...flags, "--when-proxy-down=bypass", "--redirect-all-dns-traffic");
    const before = await decidedAgain(world);
    await everyDirection(world);
    await guest.proxy?.stop();
    await everyDirection(world, 80);
    guest.proxy = await world.startProxy();
    await everyDirection(world);
    equal(await world.counter("outboundBypassed"), 2);
    const [inbound, again] = [await world.counter("inboundBypassed"), (await decidedAgain(world)) - before];
    ok(inbound >= 2 && inbound <= 2 + again, `${inbound} inbound, of which ${again} may be no connections`);
    await world.uninstall();
    return undefined;
  },
};
