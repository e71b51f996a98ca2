// inet_diag and /proc/net/tcp tell the same.

import { expect, test } from "vitest";
import { formatEndpoint } from "../../src/core/address.ts";
import {
  CONNECTED,
  parseTcpSockets,
  readTcpSockets,
  TCP_STATE,
  type TcpSocket,
} from "../../src/host/tcp-sockets.ts";
import { TPNET, World } from "../support/world.ts";
import { inService } from "./conntrack-world.ts";

function line({ state, local, remote, uid, inode, waiting }: TcpSocket): string {
  const ends = [local, remote].map(({ address, port }) => formatEndpoint(address, port));
  return [state, ...ends, uid, inode, waiting].join(" ");
}

test("listeners and connections, IPv4, IPv6 and mapped, and none in another state", async () => {
  await using world = await World.create();
  await world.serve(["0.0.0.0:8080", "[::]:8081", "10.66.0.1:8082"], { uid: 1234 });
  const isReady = (text: string) => text.startsWith("{");
  const hold = (...flags: readonly string[]) =>
    world.start([TPNET, "flood", ...flags, "--count", "3", "--parallel", "3", "--hold"], {
      uid: 1000,
      isReady,
    });
  await hold("--to", "10.66.0.1:8080");
  await hold("--to", "[fd66::1]:8081");
  await world.connect("10.66.0.1:8080"); // leaves a socket in TIME_WAIT
  const states = new Set([...CONNECTED, TCP_STATE.listen]);
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => world.run(["cat", `/proc/net/${name}`], { cgroup: false })),
  );
  const expected = tables.flatMap(({ stdout }) => parseTcpSockets(stdout, states));
  expect(expected).toHaveLength(3 + 6 + 6);
  const actual = inService(world, () => readTcpSockets(states));
  expect(actual.map(line).sort()).toEqual(expected.map(line).sort());
});
