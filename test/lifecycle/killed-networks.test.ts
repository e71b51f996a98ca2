// SIGKILL while programs and the rules for virtual networks beside them come, change or go, and while one engine takes the
// other's place with them.

import { expect, test } from "vitest";
import type { World } from "../support/world.ts";
import { Agent } from "./crash/agent.ts";
import { type Command, Killer, type Scene, UNINSTALL } from "./crash/scene.ts";
import { addContainer, expectFromContainer, NETWORKS } from "./networks.ts";

/** One that stays in part, and one that goes; and rules that are known by the record alone. */
const OTHER = ["--vnet=br1:10.66.1.0/25", "--disable-comments"];

const withNetworks = (world: World, ...flags: readonly string[]): Command => ({
  args: world.installArguments(...NETWORKS, ...flags),
  besides: expectFromContainer,
});

const SCENES: readonly Scene[] = [
  { title: "a first installation", commands: (world) => ({ killed: withNetworks(world) }) },
  {
    title: "networks that are added",
    commands: (world) => ({ first: { args: world.installArguments() }, killed: withNetworks(world) }),
  },
  {
    title: "networks that are changed",
    commands: (world) => ({ first: { args: world.installArguments(...OTHER) }, killed: withNetworks(world) }),
  },
  {
    title: "networks that are removed",
    commands: (world) => ({ first: withNetworks(world), killed: { args: world.installArguments() } }),
  },
  {
    title: "iptables to eBPF",
    commands: (world) => ({ first: withNetworks(world, "--engine=iptables"), killed: withNetworks(world) }),
  },
  {
    title: "eBPF to iptables",
    commands: (world) => ({ first: withNetworks(world), killed: withNetworks(world, "--engine=iptables") }),
  },
  {
    title: "an uninstallation",
    commands: (world) => ({ first: withNetworks(world), killed: UNINSTALL }),
  },
];

test.each(SCENES)(
  "$title",
  async (scene) => {
    await using agent = await Agent.create((world) => addContainer(world));
    const killer = await Killer.create(agent, { ...scene, title: `virtual networks: ${scene.title}` });
    expect(await killer.killEverywhere()).toBeGreaterThan(25);
  },
  900_000,
);
