// What is remembered of a handshake goes with it, however it ends. This is about eBPF only, which has a map for that: the
// iptables engine remembers nothing of connections, the kernel's conntrack does.

import { afterAll, beforeAll, expect, test } from "vitest";
import { flood } from "../load/floods.ts";
import { APP_UID, PROXY_UID, Running, TPNET, World } from "../support/world.ts";
import { handshakes } from "./handshakes.ts";

const ATTEMPTS = 200;
const DESTINATIONS = ["10.66.0.2:80", "[fd66::2]:80"];

let world: World;

beforeAll(async () => {
  world = await World.create();
  await world.install();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Connects `ATTEMPTS` times to each, one after the other. */
async function connectAll(flags = "", uid = APP_UID): Promise<readonly { error: string }[]> {
  const lines = Array.from({ length: ATTEMPTS }, () =>
    DESTINATIONS.map((to) => `--to ${to} ${flags}`),
  ).flat();
  const { stdout } = await world.run([TPNET, "connect", "--batch"], { uid, input: `${lines.join("\n")}\n` });
  const results = stdout.split("\n").map((line) => JSON.parse(line) as { error: string });
  expect(results).toHaveLength(2 * ATTEMPTS);
  return results;
}

test("nothing is left of refused connections", async () => {
  const before = await world.counter("outboundRedirected");
  expect(new Set((await connectAll()).map(({ error }) => error))).toEqual(new Set(["ECONNREFUSED"]));
  expect(await world.counter("outboundRedirected")).toBe(before + 2 * ATTEMPTS);
  expect(await handshakes(world)).toEqual([]);
});

test("nothing is left of those that were given up while the proxy's queue was full", async () => {
  // A proxy that stands still, with room for one connection in its queue.
  const proxy = await world.startProxy({ flags: ["--backlog", "0"] });
  proxy.child.kill("SIGSTOP");
  try {
    const args = [
      "--to",
      "10.66.0.2:80",
      "--count",
      "100",
      "--parallel",
      "100",
      "--timeout",
      "500",
      "--hold",
    ];
    const isReady = (line: string) => line.startsWith('{"open"');
    const clients = await world.start([TPNET, "flood", ...args], { uid: APP_UID, isReady });
    expect(JSON.parse(clients.lines.at(-1) ?? "")).toMatchObject({ open: 0, failed: 100 });
    await clients.stop();
  } finally {
    proxy.child.kill("SIGCONT");
    await proxy.stop("SIGKILL");
  }
  expect(await handshakes(world)).toEqual([]);
});

test("nothing is left of a process that was killed while it connected", async () => {
  const proxy = await world.startProxy({ flags: ["--backlog", "0"] });
  proxy.child.kill("SIGSTOP");
  try {
    const args = ["--to", "[fd66::2]:80", "--count", "10", "--parallel", "10", "--timeout", "600000"];
    const clients = new Running(world.command([TPNET, "flood", ...args], { uid: APP_UID }));
    world.defer(() => clients.stop());
    // One is in the proxy's queue, its handshake done.
    await expect.poll(() => handshakes(world), { timeout: 20_000 }).toHaveLength(9);
    await clients.stop("SIGKILL");
  } finally {
    proxy.child.kill("SIGCONT");
    await proxy.stop("SIGKILL");
  }
  expect(await handshakes(world)).toEqual([]);
});

test("nothing is left of connections that the client aborts at once", async () => {
  await world.startProxy();
  await connectAll("--no-read");
  await connectAll("--no-read --nonblock");
  expect(await handshakes(world)).toEqual([]);
});

test("nothing is left of the proxy's connections to itself", async () => {
  const lines = ["10.66.0.1:80", "[fd66::1]:80", "127.0.0.2:80"].map((to) => `--to ${to}`);
  const { stdout } = await world.run([TPNET, "connect", "--batch"], {
    uid: PROXY_UID,
    input: `${lines.join("\n")}\n`,
  });
  expect(stdout.split("\n").map((line) => (JSON.parse(line) as { error: string }).error)).toEqual([
    "",
    "",
    "",
  ]);
  expect(await handshakes(world)).toEqual([]);
});

test.each(["198.18.0.0/15", "2001:db8::/32"])(
  "nothing is left of 20 000 that ended well, to %s",
  async (net) => {
    const args = ["--to-net", net, "--ports", "1-65535"];
    await flood(world, args, { count: 20_000, processes: 1, parallel: 100 }, { uid: APP_UID });
    expect(await handshakes(world)).toEqual([]);
  },
);
