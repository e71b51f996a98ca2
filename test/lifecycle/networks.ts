// A world with a host behind the service's, for --vnet.

import { expect } from "vitest";
import { World } from "../support/world.ts";
import { expectInterception } from "./support.ts";

export const CONTAINER = { host: "container", cgroup: false } as const;

/** Of both families, at the interface that leads to the container. */
export const NETWORKS = ["--vnet=br+:10.66.1.0/24", "--vnet=br1:fd66:1::/64"] as const;

/** From the container to elsewhere. */
export const ELSEWHERE = ["10.66.0.2:8080", "[fd66::2]:8080"] as const;

/** A container on br1, and the proxy. */
export function worldWithContainer(proxy: Parameters<World["startProxy"]>[0] = {}): Promise<World> {
  return World.create((world) => addContainer(world, proxy));
}

export async function addContainer(
  world: World,
  proxy: Parameters<World["startProxy"]>[0] = {},
): Promise<void> {
  await world.addHost("container", "br1", 1);
  const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
  await world.run(["sysctl", "-q", "-w", ...forwarding], { cgroup: false });
  await world.startProxy(proxy);
}

/** What comes from the container reaches the proxy, and all else does as ever. */
export async function expectNetworks(
  world: World,
  destinations: readonly string[] = ELSEWHERE,
): Promise<void> {
  await expectFromContainer(world, destinations);
  await expectInterception(world);
}

/** What comes from the container reaches the proxy. */
export async function expectFromContainer(
  world: World,
  destinations: readonly string[] = ELSEWHERE,
): Promise<void> {
  for (const to of destinations) {
    const connection = await world.connect(to, CONTAINER);
    expect(connection).toMatchObject({ error: "", peer: to, server: { origdst: to } });
    expect(connection.server?.listener).toMatch(/:15001$/);
  }
}

/** What comes from the container goes through unchanged: nobody listens there. */
export async function expectNoNetworks(
  world: World,
  destinations: readonly string[] = ELSEWHERE,
): Promise<void> {
  for (const to of destinations)
    expect(await world.connect(to, CONTAINER)).toMatchObject({ error: "ECONNREFUSED" });
}
