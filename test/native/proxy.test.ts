import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { runProxy } from "../../src/commands/proxy.ts";
import { APP, ProxyWorld, REMOTE, type Running } from "./proxy-world.ts";

const MEBIBYTE = 1 << 20;
const silent = { out: () => {}, note: () => {} };
const stopped = AbortSignal.abort();

describe("before it listens", () => {
  const options = {
    inboundPort: 15006,
    outboundPort: 15001,
    ipv6: true,
    json: false,
    allowRoot: false,
    user: "",
  };

  test("refuses to be root", async () => {
    await expect(runProxy(options, silent, stopped)).rejects.toMatchObject({ code: "RUNS_AS_ROOT" });
  });

  test("says that a port is in use, and leaves nothing listening", async () => {
    const other = createServer().listen(0, "0.0.0.0");
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    const outboundPort = typeof address === "object" && address !== null ? address.port : 0;
    const inboundPort = outboundPort === 65535 ? outboundPort - 1 : outboundPort + 1;
    const proxy = runProxy({ ...options, inboundPort, outboundPort, allowRoot: true }, silent, stopped);
    await expect(proxy).rejects.toMatchObject({
      code: "PROXY_FAILED",
      hint: expect.stringMatching(/--outbound-port/),
    });
    const again = createServer().listen(inboundPort, "0.0.0.0");
    await new Promise((resolve, reject) => again.once("listening", resolve).once("error", reject));
    again.close();
  });
});

describe("in a namespace", () => {
  let world: ProxyWorld;
  let proxy: Running;
  let told = 0;

  beforeAll(async () => {
    world = new ProxyWorld();
    proxy = world.proxy("--json");
    await proxy.lineCount(1);
    for (const host of ["app", "remote"] as const) {
      await world.answerFloods(host, 8090);
      for (const address of ["0.0.0.0", "::"]) {
        await world.serve(host, "serve", address, 8080);
        await world.serve(host, "echo", address, 8081);
        await world.serve(host, "break", address, 8082);
      }
    }
    told = 1;
  });
  afterAll(() => world[Symbol.dispose]());

  /** The next line of the proxy. */
  async function nextRecord(): Promise<Record<string, unknown>> {
    told++;
    const lines = await proxy.lineCount(told);
    return JSON.parse(lines[told - 1] ?? "");
  }

  test("says where it listens", () => {
    expect(JSON.parse(proxy.lines[0] ?? "")).toEqual({
      event: "listening",
      addresses: ["0.0.0.0:15006", "0.0.0.0:15001", "[::]:15006", "[::]:15001"],
    });
  });

  const ways = [
    ["outbound", 4, "app", REMOTE[4], APP[4]],
    ["outbound", 6, "app", REMOTE[6], APP[6]],
    ["inbound", 4, "remote", APP[4], "127.0.0.6"],
    ["inbound", 6, "remote", APP[6], "::6"],
  ] as const;

  describe.each(ways)("%s, IPv%i", (direction, family, client, server, seenFrom) => {
    const at = (port: number) => (family === 4 ? `${server}:${port}` : `[${server}]:${port}`);
    const clientName = expect.stringMatching(client === "app" ? APP[family] : REMOTE[family]);

    test("passes 64 MiB each way, the answer after the end of the question", async () => {
      const bytes = 64 * MEBIBYTE;
      const result = await world.transfer(client, "transfer", server, 8080, bytes);
      const sent = expect.stringMatching(/^[0-9a-f]{64}$/);
      expect(result).toEqual({ head: { from: seenFrom, bytes, sha256: sent }, bytes, sha256: sent, sent });
      const {
        head,
        sha256,
        sent: own,
      } = result as { head: { sha256: string }; sha256: string; sent: string };
      expect([head.sha256, sha256]).toEqual([own, own]);
      expect(await nextRecord()).toEqual({
        event: "connection",
        direction,
        client: clientName,
        originalDestination: at(8080),
        bytesUp: bytes,
        bytesDown: bytes + JSON.stringify(head).length + 1,
        durationMs: expect.any(Number),
      });
    });

    test("passes both ways at the same time", async () => {
      const bytes = 32 * MEBIBYTE;
      const result = (await world.transfer(client, "pour", server, 8081, bytes)) as Record<string, unknown>;
      expect(result).toEqual({ bytes, sha256: result.sent, sent: expect.any(String) });
      expect(await nextRecord()).toMatchObject({ bytesUp: bytes, bytesDown: bytes });
    });

    test("resets the client when nothing listens", async () => {
      expect(await world.transfer(client, "transfer", server, 9, MEBIBYTE)).toEqual({ error: "ECONNRESET" });
      expect(await nextRecord()).toMatchObject({
        direction,
        originalDestination: at(9),
        bytesDown: 0,
        error: expect.stringMatching(/ECONNREFUSED/),
      });
    });

    test("resets the client when the destination resets", async () => {
      expect(await world.transfer(client, "transfer", server, 8082, 64 * MEBIBYTE)).toEqual({
        error: "ECONNRESET",
      });
      expect(await nextRecord()).toMatchObject({
        error: expect.stringMatching(/destination.*(ECONNRESET|EPIPE)/),
      });
    });
  });

  test("fails an inbound IPv6 connection when ::6 is missing, and says so", async () => {
    world.passthroughAddress("del");
    onTestFinished(() => world.passthroughAddress("add"));
    expect(await world.transfer("remote", "transfer", APP[6], 8080, 1)).toEqual({ error: "ECONNRESET" });
    expect(await nextRecord()).toMatchObject({ error: expect.stringMatching(/EADDRNOTAVAIL.*::6 must be/) });
  });

  test.each(["127.0.0.1", "::1", APP[4], APP[6]])(
    "refuses a connection made straight to its port at %s",
    async (to) => {
      for (const [port, direction] of [
        [15001, "outbound"],
        [15006, "inbound"],
      ] as const) {
        expect(await world.transfer("app", "transfer", to, port, MEBIBYTE)).toEqual({ error: "ECONNRESET" });
        expect(await nextRecord()).toMatchObject({
          direction,
          originalDestination: null,
          error: expect.stringMatching(/straight to the proxy's port/),
        });
      }
    },
  );

  test.each(ways)(
    "carries 200 connections at a time: %s, IPv%i",
    async (direction, family, client, server) => {
      const count = 2000;
      const result = await world.flood(client, family === 4 ? server : `[${server}]`, 8090, count);
      expect(result).toMatchObject({ count, failed: 0, errors: {} });
      const original = `${family === 4 ? server : `[${server}]`}:8090`;
      for (let i = 0; i < count; i++) {
        const record = await nextRecord();
        expect(record).toMatchObject({ direction, originalDestination: original });
        expect(record).not.toHaveProperty("error");
      }
    },
  );

  test("stops at once on SIGTERM, connections that are stuck included", async () => {
    const servers = await Promise.all(
      ["0.0.0.0", "::"].map((address) => world.serve("remote", "swallow", address, 8083)),
    );
    const stuck = world.transfer("app", "transfer", REMOTE[4], 8083, 64 * MEBIBYTE);
    const halfOpen = world.transfer("app", "transfer", REMOTE[6], 8083, 1);
    for (const server of servers) await server.lineCount(2);
    // long enough for one of them to fill every buffer on the way
    await new Promise((resolve) => setTimeout(resolve, 300));
    const started = performance.now();
    proxy.process.kill("SIGTERM");
    expect(await proxy.ended).toBe(0);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await stuck).toEqual({ error: "ECONNRESET" });
    expect(await halfOpen).toEqual({ error: "ECONNRESET" });
    expect(await nextRecord()).toMatchObject({ error: "cut off" });
    expect(await nextRecord()).toMatchObject({ error: "cut off" });
    expect(proxy.errors).toEqual([]);
  });

  test("prints lines for people, and listens on IPv4 alone when told to", async () => {
    const other = world.proxy("--ip-family-mode=ipv4");
    expect(await other.lineCount(1)).toEqual(["listening on 0.0.0.0:15006, 0.0.0.0:15001"]);
    await world.transfer("app", "pour", REMOTE[4], 8081, 1000);
    await world.transfer("app", "pour", REMOTE[4], 9, 1000);
    await world.transfer("app", "pour", APP[4], 15006, 1000);
    const [, passed, failed, refused] = await other.lineCount(4);
    expect(passed).toMatch(/^outbound 10\.199\.7\.1:\d+ -> 10\.199\.7\.2:8081 1000 B up 1000 B down \d+ ms$/);
    expect(failed).toMatch(/^outbound .* -> 10\.199\.7\.2:9 .* ms failed: .*ECONNREFUSED/);
    expect(refused).toMatch(/^inbound 10\.199\.7\.1:\d+ refused: it was not redirected/);
    other.process.kill("SIGINT");
    expect(await other.ended).toBe(0);
  });
});
