// The DNS proxy's port changes while sockets live that ask it.

import { describe, expect, test } from "vitest";
import { KINDS } from "../conformance/dns-situation.ts";
import { startDnsWorld } from "../conformance/dns-world.ts";
import { someOf } from "../support/extent.ts";
import { PROXY_UID, TPNET, type World } from "../support/world.ts";
import { type Asked, Asker } from "./asker.ts";
import { EBPF, IPTABLES } from "./engines.ts";

const FIRST = { v4: "10.66.0.2", mapped: "10.66.0.2", v6: "fd66::2" } as const;
const BOTH = { v4: "10.66.0.2,10.66.0.3", mapped: "10.66.0.2,10.66.0.3", v6: "fd66::2,fd66::3" } as const;
const LOCALHOST = { v4: "127.0.0.1", mapped: "127.0.0.1", v6: "[::1]" } as const;
const ALL_DNS = "--redirect-all-dns-traffic";

/** eBPF: an error at once; a resolver opens a new socket then. */
const DISCONNECTED: Asked = { listeners: [], error: "EDESTADDRREQ" };

const ENGINES = [
  { name: "eBPF", engine: EBPF, disconnects: true },
  { name: "iptables-nft", engine: IPTABLES.nft, disconnects: false },
  { name: "iptables-legacy", engine: IPTABLES.legacy, disconnects: false },
] as const;

const CASES = ENGINES.flatMap((each) => KINDS.map((kind) => ({ ...each, kind })));

describe.each(someOf(CASES, 3))("$name, $kind", ({ engine, disconnects, kind }) => {
  const proxy = (port: number): Asked => ({ listeners: [`${LOCALHOST[kind]}:${port}`], error: "" });

  test("another port, and back: each next query is answered by whom it asked, as far as can be seen", async () => {
    await using world = await startDnsWorld();
    await world.install(...engine, ALL_DNS);
    const free = await Asker.open(world, FIRST[kind], kind, "unconnected");
    const several = await Asker.open(world, BOTH[kind], kind, "unconnected");
    for (const port of [25053, 15053]) {
      const connected = await Asker.open(world, FIRST[kind], kind, "connected");
      await world.install(...engine, ALL_DNS, "--redirect-dns-port", String(port));
      expect(await connected.ask()).toEqual(disconnects ? DISCONNECTED : proxy(port));
      for (const asker of [free, several, await Asker.open(world, BOTH[kind], kind, "connected")]) {
        expect(await asker.ask()).toEqual(proxy(port));
        expect(await asker.ask()).toEqual(proxy(port));
      }
    }
  });

  test("port 53: the same as the name servers'", async () => {
    await using world = await startDnsWorld();
    await allowPort53(world);
    const listen = ["127.0.0.1:53", "[::1]:53"].flatMap((each) => ["--listen", each]);
    await world.start([TPNET, "dns-serve", ...listen, "--hold", "20"], { uid: PROXY_UID });
    const before = await Asker.open(world, FIRST[kind], kind, "unconnected");
    await world.install(...engine, ALL_DNS, "--redirect-dns-port", "53");
    const connected = await Asker.open(world, BOTH[kind], kind, "connected");
    const several = await Asker.open(world, BOTH[kind], kind, "unconnected");
    for (const asker of [before, connected, several]) expect(await asker.ask()).toEqual(proxy(53));
    await world.install(...engine, ALL_DNS);
    expect(await connected.ask()).toEqual(disconnects ? DISCONNECTED : proxy(15053));
    for (const asker of [before, several]) expect(await asker.ask()).toEqual(proxy(15053));
  });
});

/** To users, in this network namespace. */
async function allowPort53(world: World): Promise<void> {
  const setting = "net.ipv4.ip_unprivileged_port_start=53";
  const { exitCode, stderr } = await world.run(["sysctl", "-w", setting], { cgroup: false });
  expect(exitCode, stderr).toBe(0);
}
