// What is tried on other kernels: a representative part of the conformance and lifecycle suites; all of them would
// take more than ten minutes with an emulated processor.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { APP_UID, TPNET } from "../support/world.ts";
import {
  app,
  BOTH,
  bpfState,
  type Check,
  connection,
  everyDirection,
  other,
  outcome,
  proxy,
  refused,
  remote,
} from "./steps.ts";

const EXCLUDED = ["--exclude-inbound-ports", "81", "--exclude-outbound-ports", "81"];
const SERVED = [80, 81].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);

export const CHECKS: readonly Check[] = [
  {
    name: "install",
    groups: BOTH,
    essential: true,
    run: async (guest) => {
      const { world, flags } = guest;
      guest.before = await bpfState(world);
      const { stdout } = await world.install(...flags, ...EXCLUDED);
      match(stdout, /completed successfully/);
      for (const host of ["service", "remote"]) {
        await world.serve(SERVED, host === "service" ? {} : { host, cgroup: false });
      }
      return undefined;
    },
  },
  {
    // The rules would need modules that a guest does not load; a dry run loads the programs all the same.
    name: "virtual networks: the programs load",
    groups: BOTH,
    run: async ({ world, flags }) => {
      const args = world.installArguments(...flags, "--vnet=eth0:10.66.0.0/16,eth0:fd66::/32", "--dry-run");
      const { exitCode, stdout, stderr } = await world.tproxyctl(args);
      equal(exitCode, 0, stderr);
      match(stdout, /^virtual networks: eth0:10\.66\.0\.0\/16, eth0:fd66::\/32$/m);
      return undefined;
    },
  },
  {
    name: "status: all is attached",
    groups: BOTH,
    run: async ({ world }) => {
      const { exitCode, status } = await world.status();
      const hooks = status.hooks as { hook: { program: string }; state: string }[];
      deepEqual(
        hooks.filter(({ state }) => state !== "attached").map(({ hook }) => hook.program),
        [],
      );
      equal(exitCode, 0);
      return `${hooks.length} hooks, ${JSON.stringify(status.memory)}`;
    },
  },
  refused("no proxy: app → remote (v4)", app, "10.66.0.2:80"),
  refused("no proxy: app → remote (v6)", app, "[fd66::2]:80"),
  refused("no proxy: remote → local (v4)", remote, "10.66.0.1:80"),
  refused("no proxy: remote → local (v6)", remote, "[fd66::1]:80"),
  {
    name: "the proxy starts after install",
    groups: BOTH,
    run: async (guest) => {
      guest.proxy = await guest.world.startProxy();
      return undefined;
    },
  },
  connection("app → remote (v4)", app, "10.66.0.2:80", { listener: 15001 }),
  connection("app → remote (v6)", app, "[fd66::2]:80", { listener: 15001 }),
  connection(
    "app → remote (mapped)",
    app,
    "10.66.0.2:80",
    { listener: 15001, peer: "[::ffff:10.66.0.2]:80" },
    ["--mapped"],
  ),
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
    ["--mapped"],
  ),
  connection("passthrough → own address (v4)", proxy, "10.66.0.1:80", { listener: 80 }, [
    "--from",
    "127.0.0.6",
  ]),
  connection("passthrough → own address (v6)", proxy, "[fd66::1]:80", { listener: 80 }, ["--from", "::6"]),
  connection("remote → local (v4)", remote, "10.66.0.1:80", { listener: 15006 }),
  connection("remote → local (v6)", remote, "[fd66::1]:80", { listener: 15006 }),
  connection("remote → local, port without listener (v4)", remote, "10.66.0.1:9999", { listener: 15006 }),
  connection("remote → local, excluded port (v4)", remote, "10.66.0.1:81", { listener: 81 }),
  connection("remote → local, excluded port (v6)", remote, "[fd66::1]:81", { listener: 81 }),
  {
    name: "only the named interface is intercepted",
    groups: ["tc"],
    run: async ({ world }) => {
      await world.addHost("other", "eth1", 1);
      for (const to of ["10.66.1.1:80", "[fd66:1::1]:80"]) {
        equal(outcome(await world.connect(to, other)).listener, 80, to);
      }
      return undefined;
    },
  },
  {
    name: "many connections keep their destinations",
    groups: BOTH,
    run: async ({ world }) => {
      for (const net of ["10.99.0.0/16", "fd99::/64"]) {
        const flood = [
          "flood",
          "--to-net",
          net,
          "--ports",
          "1000-2000",
          "--count",
          "1000",
          "--parallel",
          "20",
        ];
        const { stdout, stderr, exitCode } = await world.run([TPNET, ...flood], { uid: APP_UID });
        equal(exitCode, 0, stderr);
        const { right, wrong_peer } = JSON.parse(stdout) as Record<string, unknown>;
        deepEqual({ right, wrong_peer }, { right: 1000, wrong_peer: 0 }, stdout);
      }
      return undefined;
    },
  },
  {
    name: "inbound is steered as it should be",
    groups: BOTH,
    run: async ({ world, setting }) => {
      const [tc, lookup] = [await world.counter("inboundSynTc"), await world.counter("inboundSynLookup")];
      ok(setting === "tc" ? tc > 0 : lookup > 0, `tc ${tc}, sk_lookup ${lookup}`);
      return `tc ${tc}, sk_lookup ${lookup}`;
    },
  },
  {
    name: "a restarted proxy with SO_REUSEPORT listeners",
    groups: BOTH,
    run: async (state) => {
      await state.proxy?.stop();
      state.proxy = await state.world.startProxy({ flags: ["--reuseport", "4"] });
      for (let i = 0; i < 4; i++) await everyDirection(state.world);
      return undefined;
    },
  },
  {
    name: "install again, with the proxy running",
    groups: BOTH,
    run: async ({ world, flags }) => {
      const { stdout } = await world.install(...flags);
      match(stdout, /changed in place/);
      await everyDirection(world);
      equal((await world.status()).exitCode, 0);
      return undefined;
    },
  },
  {
    name: "uninstall: nothing is left",
    groups: BOTH,
    run: async ({ world, before }) => {
      await world.uninstall();
      equal(await bpfState(world), before);
      equal(outcome(await world.connect("10.66.0.2:80")).listener, 80);
      equal((await world.status()).exitCode, 1);
      return undefined;
    },
  },
  {
    name: "install with a proxy that already runs",
    groups: BOTH,
    run: async ({ world, flags }) => {
      await world.install(...flags);
      await everyDirection(world);
      await world.uninstall();
      return undefined;
    },
  },
  {
    name: "with bypass: past the proxy while nobody listens, to it when it is there",
    groups: BOTH,
    run: async (guest) => {
      const { world, flags } = guest;
      // Its programs for DNS are loaded, too.
      await world.install(...flags, "--when-proxy-down=bypass", "--redirect-all-dns-traffic");
      await everyDirection(world);
      await guest.proxy?.stop();
      await everyDirection(world, 80);
      guest.proxy = await world.startProxy();
      await everyDirection(world);
      const past = ["outboundBypassed", "inboundBypassed"].map((name) => world.counter(name));
      deepEqual(await Promise.all(past), [2, 2]);
      await world.uninstall();
      return undefined;
    },
  },
];
