// udp_diag and /proc/net/udp tell the same; what is disconnected is the socket that was meant.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatEndpoint } from "../../src/core/address.ts";
import { cgroupIds } from "../../src/host/cgroups.ts";
import { parseTcpSockets } from "../../src/host/tcp-sockets.ts";
import {
  disconnectUdpSockets,
  readAllUdp,
  readConnectedUdp,
  type UdpSocket,
} from "../../src/host/udp-sockets.ts";
import { KINDS } from "../conformance/dns-situation.ts";
import { startDnsWorld } from "../conformance/dns-world.ts";
import { Asker } from "../lifecycle/asker.ts";
import { inService } from "./conntrack-world.ts";

function line({ local, remote, uid, inode }: Pick<UdpSocket, "local" | "remote" | "uid" | "inode">): string {
  return [...[local, remote].map(({ address, port }) => formatEndpoint(address, port)), uid, inode].join(" ");
}

test("connected sockets and others, IPv4, IPv6 and mapped, with their cgroup", async () => {
  await using world = await startDnsWorld();
  for (const kind of KINDS)
    for (const manner of ["connected", "unconnected"] as const)
      await Asker.open(world, kind === "v6" ? "fd66::2" : "10.66.0.2", kind, manner);
  const states = new Set([1, 7]);
  inService(world, () => {
    const tables = ["udp", "udp6"].map((name) => readFileSync(`/proc/thread-self/net/${name}`, "latin1"));
    const all = readAllUdp();
    const expected = tables.flatMap((text) => parseTcpSockets(text, states)).map(line);
    expect(all.map(line).sort()).toEqual(expected.sort());
    const connected = readConnectedUdp(53);
    expect(connected).toHaveLength(3);
    expect(all.filter(({ remote }) => remote.port === 53).map(line)).toEqual(connected.map(line));
    expect(readConnectedUdp(5353)).toEqual([]);
    const ids = cgroupIds(world.cgroup);
    for (const { cgroupId } of connected) expect(cgroupId !== undefined && ids?.has(cgroupId)).toBe(true);

    expect(disconnectUdpSockets(connected)).toEqual([0, 0, 0]);
    expect(readConnectedUdp(53)).toEqual([]);
    // 2: they are no longer connected so.
    expect(disconnectUdpSockets(connected)).toEqual([2, 2, 2]);
  });
});
