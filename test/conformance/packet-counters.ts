// What `status` counted of packets that were sent one by one.

import { expect } from "vitest";
import { TPNET, type World } from "../support/world.ts";
import { ip4, SYN, tcp } from "./raw-packets.ts";

/** By how much counters rose; those that did not are missing. */
export type Counted = Readonly<Record<string, number>>;

/**
 * Sends the packets from the remote host, and behind them a SYN to an excluded port, which is counted: when that is, they
 * have all been dealt with.
 */
export async function sendAndExpect(
  world: World,
  packets: readonly Buffer[],
  expected: Counted,
  excludedPort: number,
): Promise<void> {
  const before = await counters(world);
  await sendPackets(world, [...packets, ip4(tcp(SYN, excludedPort))]);
  const withLast = { ...expected, inboundExcludedPort: (expected.inboundExcludedPort ?? 0) + 1 };
  await expect.poll(() => rise(world, before), { timeout: 20_000 }).toEqual(withLast);
}

/** From the remote host. */
export async function sendPackets(world: World, packets: readonly Buffer[]): Promise<void> {
  const args = ["send-packets", ...packets.map((packet) => packet.toString("hex"))];
  const sent = await world.run([TPNET, ...args], { host: "remote", cgroup: false });
  expect(sent).toMatchObject({ stderr: "", exitCode: 0 });
}

async function counters(world: World): Promise<Counted> {
  const { status } = await world.status();
  return status.connections as Counted;
}

async function rise(world: World, before: Counted): Promise<Counted> {
  const changes = Object.entries(await counters(world)).map(
    ([name, value]) => [name, value - (before[name] ?? 0)] as const,
  );
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}
