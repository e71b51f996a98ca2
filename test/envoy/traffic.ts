// What must hold for real traffic through a proxy, for each way in and out.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CLIENT_ENDS_FIRST_PORT, SERVER_ENDS_FIRST_PORT, TCP_PORT } from "./ports.ts";
import type { Download, Exchange, HalfClose, Stream, Upload } from "./programs/client.ts";
import type { Received, Reply } from "./programs/server.ts";
import { type ProxyKind, RunningProxy } from "./proxies.ts";
import { hostOf, proxyAddressOf, ROUTES, type Route, Scene, targetOf } from "./scene.ts";

const MIB = 1024 * 1024;

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

interface Way {
  readonly way: "sk_lookup" | "tc";
  readonly flags: readonly string[];
  readonly routes: readonly Route[];
}

/** How inbound connections get to the proxy makes no difference for the outbound ones. */
const WAYS: readonly Way[] = [
  { way: "sk_lookup", flags: [], routes: ROUTES },
  {
    way: "tc",
    flags: ["--ebpf-tc-attach-iface", "eth0"],
    routes: ROUTES.filter(({ direction }) => direction === "inbound"),
  },
];

export function testTraffic(proxy: ProxyKind): void {
  describe.each(WAYS)(`${proxy.name}, inbound by $way`, ({ way, flags, routes }) => {
    let scene: Scene;
    let running: RunningProxy;

    beforeAll(async () => {
      scene = await Scene.create();
      await scene.world.install(...flags);
      running = await RunningProxy.listening(proxy, scene.world);
    });
    beforeEach(() => running.forget());
    afterAll(() => scene?.[Symbol.asyncDispose]());

    /** The client took it for a direct connection, the proxy knew where it was going. */
    async function expectIntercepted(
      route: Route,
      ends: { local: string; peer: string },
      port: number,
      count = 1,
    ) {
      const destination = targetOf(route, port);
      expect(ends.peer).toBe(destination);
      await running.saw(ends.local, destination, count);
    }

    function expectFromProxy(route: Route, server: { local: string; peer: string }, port: number) {
      expect(server.local).toBe(targetOf(route, port));
      expect(hostOf(server.peer)).toBe(proxyAddressOf(route));
    }

    describe.each(routes)("$direction IPv$family", (route) => {
      const { direction, family } = route;

      test.each(proxy.httpPorts)("keeps an HTTP connection to port %i alive", async (port) => {
        const url = `http://${targetOf(route, port)}/`;
        const exchanges = await scene.client<Exchange[]>(direction, "keep-alive", url, 20);
        const [first] = exchanges;
        expect(exchanges.map(({ ends }) => ends)).toEqual(new Array(20).fill(first?.ends));
        for (const { reply } of exchanges) expectFromProxy(route, reply, port);
        // What Envoy does with its own connections to the server is its own matter.
        if (port === TCP_PORT) expect(exchanges.map(({ reply }) => reply.request)).toEqual(upTo(20));
        const each = port === TCP_PORT ? 1 : 20;
        await expectIntercepted(route, first?.ends ?? { local: "", peer: "" }, port, each);
      });

      test.each(proxy.httpPorts)("carries curl's requests to port %i on one connection", async (port) => {
        const url = `http://${targetOf(route, port)}/`;
        const format = "%{num_connects} %{remote_ip} %{remote_port} %{local_ip} %{local_port}\\n";
        const lines = (await scene.curl(direction, "-w", format, url, url, url)).trim().split("\n");
        const replies = lines.filter((_, i) => i % 2 === 0).map((line) => JSON.parse(line) as Reply);
        const connections = lines.filter((_, i) => i % 2 === 1).map((line) => line.split(" "));
        expect(connections.map(([connects]) => connects)).toEqual(["1", "0", "0"]);
        for (const reply of replies) expectFromProxy(route, reply, port);
        const [, peerIp = "", peerPort, localIp = "", localPort] = connections[0] ?? [];
        const endpoint = (ip: string, at?: string) => (family === 6 ? `[${ip}]:${at}` : `${ip}:${at}`);
        await expectIntercepted(
          route,
          { local: endpoint(localIp, localPort), peer: endpoint(peerIp, peerPort) },
          port,
        );
      });

      const size = (port: number) => (family === 4 && way === "sk_lookup" && port === TCP_PORT ? 1024 : 64);
      const bodies = proxy.httpPorts.map((port) => ({ port, mib: size(port) }));

      test.for(bodies)(
        "carries a body of $mib MiB each way, port $port",
        async ({ port, mib }, { annotate }) => {
          const url = `http://${targetOf(route, port)}/`;
          const bytes = mib * MIB;
          const up = await scene.client<Upload>(direction, "upload", url, bytes);
          expect(up.sent.bytes).toBe(bytes);
          expect(up.reply).toMatchObject(up.sent);
          const down = await scene.client<Download>(direction, "download", url, bytes);
          expect(down.expected.bytes).toBe(bytes);
          expect(down.received).toEqual(down.expected);
          for (const { ends } of [up, down]) await expectIntercepted(route, ends, port);
          const rate = ({ ms }: { ms: number }) => `${Math.round((mib * 1000) / ms)} MiB/s`;
          await annotate(`${rate(up)} up, ${rate(down)} down`);
        },
      );

      test("lets the client end its half first, and brings it all that the server answers", async () => {
        const port = CLIENT_ENDS_FIRST_PORT;
        const [host, bytes] = [hostOf(targetOf(route, port)).replace(/[[\]]/g, ""), 4 * MIB];
        const result = await scene.client<HalfClose>(direction, "end-first", host, port, bytes);
        const received = JSON.parse(result.firstLine) as Received;
        expect(received).toMatchObject(result.sent);
        expectFromProxy(route, received, port);
        expect(result.sent.bytes).toBe(bytes);
        expect(result.received).toEqual(result.expected);
        await expectIntercepted(route, result.ends, port);
      });

      test("lets the server end its half first, and brings it all that the client still sends", async () => {
        const port = SERVER_ENDS_FIRST_PORT;
        const [host, bytes] = [hostOf(targetOf(route, port)).replace(/[[\]]/g, ""), 4 * MIB];
        const result = await scene.client<HalfClose>(direction, "end-last", host, port, bytes);
        expect(result).toMatchObject({ firstLine: "bye", received: result.expected });
        await expectIntercepted(route, result.ends, port);
        const line = await scene.servers[direction].waitFor((each) =>
          each.includes(`"local":"${targetOf(route, port)}"`),
        );
        expect(JSON.parse(line)).toMatchObject(result.sent);
      });

      test.each(proxy.httpPorts)("carries 64 streams at the same time to port %i", async (port) => {
        const url = `http://${targetOf(route, port)}/`;
        const streams = await scene.client<Stream[]>(direction, "streams", url, 64, MIB);
        expect(new Set(streams.map(({ sent }) => sent.sha1)).size).toBe(64);
        expect(streams.map(({ received }) => received)).toEqual(streams.map(({ sent }) => sent));
        // Two of them may have the same source port: they go to different loopback addresses.
        const clients = streams.map(({ ends }) => ends.local);
        for (const { ends } of streams) {
          const count = clients.filter((client) => client === ends.local).length;
          await expectIntercepted(route, ends, port, count);
        }
      });
    });
  });
}
