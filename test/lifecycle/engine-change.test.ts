// A second install with the other engine: no connection passes by the proxy, none is lost, nothing of the first is left.

import { expect, test } from "vitest";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { PROXY_UID, type World } from "../support/world.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { EBPF, EBPF_TC, holdAll, IPTABLES, WAYS } from "./engines.ts";
import { expectInterception, worldWithProxy } from "./support.ts";

function stream(world: World): Promise<ConnectionStream[]> {
  // The last is what the proxy sends to its own host: both engines would redirect it.
  const ways = [WAYS[0], WAYS[3], ["10.66.0.1:8080", { uid: PROXY_UID }]] as const;
  return Promise.all(ways.map(([to, options]) => ConnectionStream.start(world, to, options)));
}

test.each([
  ["eBPF to iptables-nft", EBPF, IPTABLES.nft],
  ["eBPF to iptables-legacy", EBPF, IPTABLES.legacy],
  ["eBPF with tc to iptables-nft", EBPF_TC, IPTABLES.nft],
  ["iptables-nft to eBPF", IPTABLES.nft, EBPF],
  ["iptables-nft to eBPF with tc", IPTABLES.nft, EBPF_TC],
  ["iptables-legacy to eBPF", IPTABLES.legacy, EBPF],
  ["iptables-nft to iptables-legacy", IPTABLES.nft, IPTABLES.legacy],
  ["iptables-legacy to iptables-nft", IPTABLES.legacy, IPTABLES.nft],
])("%s", async (_title, first, second) => {
  await using world = await worldWithProxy();
  const before = await kernelState(world);
  await world.install(...first);
  const held = await holdAll(world);
  const streams = await stream(world);
  await world.install(...second);
  for (const each of streams) await each.more(3);
  await world.install(...first);
  await world.install(...second);
  for (const each of streams) await each.more(3);
  expect((await Promise.all(streams.map((each) => each.stop()))).flat()).toEqual([]);
  expect(await world.status()).toMatchObject({
    exitCode: 0,
    status: { engine: second[0] === "--engine=ebpf" ? "ebpf" : "iptables" },
  });
  await expectInterception(world);
  for (const each of held) await each.expectAlive();
  await world.uninstall();
  await expectState(world, before);
});
