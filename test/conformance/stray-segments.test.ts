// What arrives for a connection that is gone is answered by the kernel, and never intercepted. sk_lookup is asked of it, and
// counts it; tc sees that it is no SYN.

import { expect, test } from "vitest";
import { World } from "../support/world.ts";
import { sendPackets } from "./packet-counters.ts";
import { ACK, FIN, ip6, RST, tcp, withChecksum6 } from "./raw-packets.ts";
import { EBPF_WAYS } from "./ways.ts";

const SEGMENTS = [ACK, ACK | FIN, RST];

test.each(EBPF_WAYS)("$way", async ({ way, flags, counter }) => {
  await using world = await World.create();
  await world.startProxy();
  await world.install(...flags);
  const connect = () => world.connect("[fd66::1]:80", { host: "remote", cgroup: false });
  await connect();
  await sendPackets(
    world,
    SEGMENTS.map((each) => ip6(withChecksum6(tcp(each)))),
  );
  // Behind the segments: when it is answered, so are they.
  const { error, server } = await connect();
  expect({ error, origdst: server?.origdst }).toEqual({ error: "", origdst: "[fd66::1]:80" });
  const counted = await world.counter(counter);
  if (way === "tc") expect(counted).toBe(2);
  else expect(counted).toBeGreaterThanOrEqual(2 + SEGMENTS.length);
  expect(await world.counter("inboundRedirected")).toBe(2);
});
