// SIGKILL at the eBPF engine, wherever it changes something.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROXY_UID, type World } from "../support/world.ts";
import { Agent } from "./crash/agent.ts";
import { LackingBundle } from "./crash/lacking-bundle.ts";
import { Killer, type Scene, UNINSTALL } from "./crash/scene.ts";

/** The bpffs that is mounted by itself, and goes with the last installation. */
const ownMount = (world: World, ...flags: readonly string[]) => [
  ...["install", "--engine=ebpf", "--kuma-dp-user", String(PROXY_UID), "--ebpf-cgroup-path", world.cgroup],
  ...flags,
];
const TC = ["--ebpf-tc-attach-iface", "eth0"];
const OTHER = ["--exclude-outbound-ports", "22"];
const FILTERS = { tcx: false };

/** A proxy that listens on the ports of before as well. */
const PORTS = { outbound: 16001, inbound: 16006 };
const OTHER_PORTS = ["--redirect-outbound-port", "16001", "--redirect-inbound-port", "16006"];
const startOnBoth = (world: World) =>
  world.startProxy({
    listen: [15001, 15006, 16001, 16006].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]),
  });

const SCENES: readonly Scene[] = [
  {
    title: "a first installation, with a mount",
    commands: (world) => ({ killed: { args: ownMount(world, "--redirect-all-dns-traffic") } }),
  },
  {
    title: "a reinstallation with other options, from sk_lookup to tc",
    commands: (world) => ({
      first: { args: world.installArguments() },
      killed: { args: world.installArguments(...TC, ...OTHER) },
    }),
  },
  {
    title: "a reinstallation with other ports of the proxy, and DNS",
    setUp: startOnBoth,
    commands: (world) => ({
      first: { args: world.installArguments() },
      killed: { args: world.installArguments("--redirect-dns", ...OTHER_PORTS), ports: PORTS },
    }),
  },
  {
    title: "a reinstallation whose pins are elsewhere",
    setUp: async (world) => {
      mkdirSync(join(world.bpffs, "moved"));
      await world.startProxy();
    },
    commands: (world) => ({
      first: { args: world.installArguments() },
      killed: { args: world.installArguments("--ebpf-bpffs-path", join(world.bpffs, "moved")) },
    }),
  },
  {
    title: "an uninstallation, with a mount",
    commands: (world) => ({ first: { args: ownMount(world, ...TC) }, killed: UNINSTALL }),
  },
  {
    title: "a first installation with a filter",
    commands: (world) => ({ killed: { args: world.installArguments(...TC), lacks: FILTERS } }),
  },
  {
    title: "a reinstallation with a filter",
    commands: (world) => ({
      first: { args: world.installArguments(...TC), lacks: FILTERS },
      killed: { args: world.installArguments(...TC, ...OTHER), lacks: FILTERS },
    }),
  },
  {
    title: "an uninstallation with a filter",
    commands: (world) => ({
      first: { args: world.installArguments(...TC), lacks: FILTERS },
      killed: UNINSTALL,
    }),
  },
];

test.each(SCENES)(
  "$title",
  async (scene) => {
    await using agent = await Agent.create(scene.setUp ?? ((world) => world.startProxy()));
    using lacking = await LackingBundle.make();
    const killer = await Killer.create(agent, scene, lacking);
    expect(await killer.killEverywhere()).toBeGreaterThan(25);
  },
  900_000,
);
