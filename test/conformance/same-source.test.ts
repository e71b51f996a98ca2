// Connections that share their source address and port.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_UID, type Connection, type RunOptions, TPNET, World } from "../support/world.ts";
import { inboundRedirected, inboundTaken } from "./evidence.ts";
import { outcome } from "./try-situation.ts";
import { WAYS, type Way } from "./ways.ts";

const FAMILIES = [
  { family: "v4", service: "10.66.0.1", remote: "10.66.0.2" },
  { family: "v6", service: "[fd66::1]", remote: "[fd66::2]" },
] as const;

const FROM_REMOTE: RunOptions = { host: "remote", cgroup: false };

/**
 * Whom the proxy sees at the other end. With iptables both connections end at the proxy's port, and the kernel must tell
 * them apart: it may give one of them another port, as with kumactl. The address stays, and so do both connections.
 */
function expectPeers(way: Way, peers: readonly (string | undefined)[], remote: string): void {
  const source = `${remote}:40000`;
  if (way.engine === "ebpf") expect(peers).toEqual([source, source]);
  else for (const peer of peers) expect(peer?.slice(0, remote.length + 1)).toBe(`${remote}:`);
}

describe.each(WAYS)("inbound by $way", (way) => {
  const { flags } = way;

  describe("one source port to two service ports", () => {
    let world: World;

    beforeAll(async () => {
      world = await World.create();
      await world.serve(["0.0.0.0:80", "[::]:80", "0.0.0.0:81", "[::]:81"]);
      await world.startProxy();
      await world.install(...flags, "--exclude-inbound-ports", "81");
    });
    afterAll(() => world[Symbol.asyncDispose]());

    describe.each(FAMILIES)("$family", ({ service, remote }) => {
      test.each([
        { first: 8080, second: 8081, expected: "both to the proxy" },
        { first: 80, second: 81, expected: "one to the proxy, one to the server" },
        { first: 80, second: 15006, expected: "both to the proxy" },
      ])("$first and $second keep both connections: $expected", async ({ first, second }) => {
        const to = [first, second].map((port) => `${service}:${port}`);
        const results = await both(world, `${remote}:40000`, to);
        expect(results.map((result) => outcome(result, way))).toEqual(
          to.map((peer) => ({
            error: "",
            peer,
            listener: peer.endsWith(":81") ? 81 : 15006,
            original: peer.endsWith(":81") ? null : peer,
          })),
        );
        expectPeers(
          way,
          results.map(({ server }) => server?.peer),
          remote,
        );
      });
    });
  });

  // Neither a handshake that is remembered, nor conntrack's entry of it, may speak for the next connection.
  describe("a port whose last connection was refused, since there was no proxy", () => {
    let world: World;

    beforeAll(async () => {
      world = await World.create();
      await world.serve(["0.0.0.0:80", "[::]:80", "0.0.0.0:81", "[::]:81"]);
      await world.install(...flags);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    test("brings the next one to the proxy, with its own destination", async () => {
      const all = FAMILIES.flatMap(({ service, remote }) => [
        { from: `${service}:42000`, to: remote, options: { uid: APP_UID }, listener: 15001 },
        { from: `${remote}:42000`, to: service, options: FROM_REMOTE, listener: 15006 },
      ]);
      for (const { from, to, options } of all) {
        const refused = await world.connect(`${to}:80`, { ...options, flags: ["--from", from] });
        expect(outcome(refused, way)).toMatchObject({ error: "ECONNREFUSED", listener: null });
      }
      await world.startProxy();
      for (const { from, to, options, listener } of all) {
        const next = await world.connect(`${to}:81`, { ...options, flags: ["--from", from] });
        const wanted = { error: "", peer: `${to}:81`, listener, original: `${to}:81` };
        expect({ from, ...outcome(next, way) }).toEqual({ from, ...wanted });
      }
    });
  });

  // The proxy's end closes first and waits in TIME_WAIT, where the kernel finds it before it looks for a listener.
  describe("a port that is used again while the other side is in TIME_WAIT", () => {
    let world: World;

    beforeAll(async () => {
      world = await World.create();
      await world.serve(["0.0.0.0:80", "[::]:80"]);
      await world.startProxy({ flags: ["--close-first"] });
      await world.install(...flags);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    test.each(FAMILIES)("comes to the proxy again, each time: $family", async ({ service, remote }) => {
      const before = await inboundRedirected(world, way);
      const to = `${service}:80`;
      const args = ["--from", `${remote}:41000`, "--to", to, "--times", "50"];
      const results = await json<Connection[]>(world, ["timewait", ...args], FROM_REMOTE);
      expect(results).toHaveLength(50);
      for (const result of results)
        expect(outcome(result, way)).toEqual({ error: "", peer: to, listener: 15006, original: to });
      expect(await inboundRedirected(world, way)).toBe(before + 50);
      expect(await inboundTaken(world, way)).toBeGreaterThan(0);
    });

    test.each(FAMILIES)("outbound as well: $family", async ({ service, remote }) => {
      const to = `${remote}:80`;
      const args = ["--from", `${service}:41000`, "--to", to, "--times", "50"];
      const results = await json<Connection[]>(world, ["timewait", ...args], { uid: APP_UID });
      expect(results).toHaveLength(50);
      for (const result of results)
        expect(outcome(result, way)).toEqual({ error: "", peer: to, listener: 15001, original: to });
    });
  });
});

async function both(world: World, from: string, to: readonly string[]): Promise<readonly Connection[]> {
  const args = ["reuse-port", "--from", from, ...to.flatMap((each) => ["--to", each])];
  const answer = await json<{ ok: boolean; results: Connection[] }>(world, args, FROM_REMOTE);
  // Both echoed when both were open.
  expect(answer.ok).toBe(true);
  return answer.results;
}

async function json<T>(world: World, args: readonly string[], options: RunOptions): Promise<T> {
  const { stdout, stderr } = await world.run([TPNET, ...args], options);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as T;
}
