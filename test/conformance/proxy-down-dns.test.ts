// DNS while the DNS proxy does not listen: nobody answers, or with --when-proxy-down=bypass, who was asked does.

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { projectRoot } from "../support/project-files.ts";
import { APP_UID, PROXY_UID, type Running, TPNET, World } from "../support/world.ts";
import { askServers, KINDS, type Kind, MANNERS, type Manner, serverEndpoint } from "./dns-situation.ts";
import { EBPF_WAYS, WAYS } from "./ways.ts";

const ONE_SOCKET = join(projectRoot, "test/conformance/fixtures/one-socket.ts");
const UDP_SERVER = join(projectRoot, "test/conformance/random/udp-server.ts");

const SERVERS = { v4: ["10.66.0.2", "10.66.0.3"], v6: ["fd66::2", "fd66::3"] } as const;
const ALL = [...SERVERS.v4, ...SERVERS.v6];
const ALL_DNS = "--redirect-all-dns-traffic";

const ASKED = KINDS.flatMap((kind) => MANNERS.map((manner) => ({ kind, manner })));

function familyOf(kind: Kind): "v4" | "v6" {
  return kind === "v6" ? "v6" : "v4";
}

function startWorld(serve: (world: World) => Promise<unknown>): Promise<World> {
  return World.create(async (world) => {
    await world.ip("remote", "address", "add", "10.66.0.3/24", "dev", "eth0");
    await world.ip("remote", "address", "add", "fd66::3/64", "dev", "eth0", "nodad");
    await serve(world);
  });
}

function serveDns(addresses: readonly string[], port: number, ...flags: string[]): string[] {
  const listen = addresses.flatMap((address) => ["--listen", serverEndpoint(address, port)]);
  return [TPNET, "dns-serve", ...flags, ...listen];
}

/** Who answered, as the answers themselves say; each seems to come from who was asked. */
async function ask(world: World, kind: Kind, manner: Manner, uid = APP_UID, timeoutMs = 5000) {
  const flags = [`--${manner}`, ...(kind === "mapped" ? ["--mapped"] : []), "--timeout", String(timeoutMs)];
  const { answered, strangers, error, listeners } = await askServers(
    world,
    SERVERS[familyOf(kind)],
    flags,
    uid,
  );
  return { answered, strangers, error, listeners: [...listeners].sort() };
}

function answeredBy(listeners: readonly string[]) {
  return { answered: 2, strangers: 0, error: "", listeners };
}

function serversOf(kind: Kind): string[] {
  return SERVERS[familyOf(kind)].map((address) => serverEndpoint(address, 53));
}

describe.each(WAYS)("to refuse is the default, $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld((made) => made.start(serveDns(ALL, 53), { host: "remote", cgroup: false }));
    await world.install(...way.flags, ALL_DNS);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test.each(ASKED)(
    "nobody answers, nor the server that was asked: $kind, $manner",
    async ({ kind, manner }) => {
      expect(await ask(world, kind, manner, APP_UID, 300)).toEqual({
        answered: 0,
        strangers: 0,
        // With iptables no socket is told that nobody listens.
        error: way.engine === "ebpf" && manner === "connected" ? "ECONNREFUSED" : "ETIMEDOUT",
        listeners: [],
      });
    },
  );
});

describe.each(EBPF_WAYS)("to bypass, $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld((made) => made.start(serveDns(ALL, 53), { host: "remote", cgroup: false }));
    await world.install(...way.flags, ALL_DNS, "--when-proxy-down=bypass");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function counts() {
    const { status } = await world.status();
    const { dnsBypassed = -1, dnsRedirected = -1 } = status.connections as Record<string, number>;
    return { dnsBypassed, dnsRedirected };
  }

  async function start(addresses: readonly string[], ...flags: string[]): Promise<Running> {
    const proxy = await world.start(serveDns(addresses, 15053, ...flags), { uid: PROXY_UID });
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  /** @param listeners who takes what is redirected; undefined: nobody listens for that family */
  async function expectAll(listeners: Readonly<Partial<Record<"v4" | "v6", string>>>): Promise<void> {
    const before = await counts();
    const redirected = ASKED.filter(({ kind }) => listeners[familyOf(kind)] !== undefined).length;
    for (const { kind, manner } of ASKED) {
      const listener = listeners[familyOf(kind)];
      const expected = listener === undefined ? serversOf(kind) : [listener];
      expect({ kind, manner, ...(await ask(world, kind, manner)) }).toEqual({
        kind,
        manner,
        ...answeredBy(expected),
      });
    }
    expect(await counts()).toEqual({
      dnsBypassed: before.dnsBypassed + 2 * (ASKED.length - redirected),
      dnsRedirected: before.dnsRedirected + 2 * redirected,
    });
  }

  test("before the proxy was ever started the servers answer themselves", () => expectAll({}));

  test.each([
    [["127.0.0.1", "::1"], [], { v4: "127.0.0.1:15053", v6: "[::1]:15053" }],
    [["0.0.0.0", "::"], [], { v4: "0.0.0.0:15053", v6: "[::]:15053" }],
    [["::"], ["--dual"], { v4: "[::]:15053", v6: "[::]:15053" }],
    [["127.0.0.1"], [], { v4: "127.0.0.1:15053" }],
    [["::"], [], { v6: "[::]:15053" }],
  ])("a proxy on %j %j is started and ended, twice", async (addresses, flags, listeners) => {
    for (let i = 0; i < 2; i++) {
      const proxy = await start(addresses, ...flags);
      await expectAll(listeners);
      await proxy.stop();
      await expectAll({});
    }
  });

  test("the proxy's own queries are left alone all the same", async () => {
    const before = await world.counter("dnsProxyUser");
    await start(["127.0.0.1", "::1"]);
    for (const { kind, manner } of ASKED) {
      expect(await ask(world, kind, manner, PROXY_UID)).toEqual(answeredBy(serversOf(kind)));
    }
    expect(await world.counter("dnsProxyUser")).toBe(before + 2 * ASKED.length);
  });

  test("who takes TCP on that port takes no queries", async () => {
    const other = await world.serve(["0.0.0.0:15053", "[::]:15053"], { uid: PROXY_UID });
    onTestFinished(() => other.stop());
    await expectAll({});
  });
});

describe("one socket, while the DNS proxy comes and goes", () => {
  let world: World;

  beforeAll(async () => {
    const endpoints = ALL.map((address) => `${address}#53`);
    world = await startWorld((made) =>
      made.start([process.execPath, UDP_SERVER, ...endpoints], { host: "remote", cgroup: false }),
    );
    await world.install(ALL_DNS, "--when-proxy-down=bypass");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function startProxy(): Promise<Running> {
    const endpoints = ["127.0.0.1#15053", "::1#15053"];
    const proxy = await world.start([process.execPath, UDP_SERVER, ...endpoints], { uid: PROXY_UID });
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  async function openSocket(type: "udp4" | "udp6"): Promise<(line: string) => Promise<unknown>> {
    const client = await world.start([process.execPath, ONE_SOCKET, type], { uid: APP_UID });
    onTestFinished(() => client.stop());
    return async (line) => {
      const wanted = client.lines.length + 1;
      client.child.stdin?.write(`${line}\n`);
      await client.waitFor(() => client.lines.length >= wanted);
      return JSON.parse(client.lines[wanted - 1] ?? "");
    };
  }

  const SOCKETS = [
    { type: "udp4", a: "10.66.0.2#53", b: "10.66.0.3#53", proxy: "127.0.0.1#15053" },
    { type: "udp6", a: "fd66::2#53", b: "fd66::3#53", proxy: "::1#15053" },
    { type: "udp6", a: "::ffff:10.66.0.2#53", b: "::ffff:10.66.0.3#53", proxy: "127.0.0.1#15053" },
  ] as const;

  test.each(SOCKETS)(
    "that is not connected asks anew each time: $type, $a",
    async ({ type, a, b, proxy }) => {
      const obey = await openSocket(type);
      const expectAnswers = async (redirected: boolean) => {
        for (const source of [a, b, a]) {
          const server = redirected ? proxy : source.replace("::ffff:", "");
          expect(await obey(`ask ${source}`)).toEqual({ server, source });
        }
      };
      await expectAnswers(false);
      for (let i = 0; i < 2; i++) {
        const running = await startProxy();
        await expectAnswers(true);
        await running.stop();
        await expectAnswers(false);
      }
    },
  );

  test.each(SOCKETS)("that was connected while it was down stays: $type, $a", async ({ type, a }) => {
    const obey = await openSocket(type);
    await obey(`connect ${a}`);
    await startProxy();
    expect(await obey("ask")).toEqual({ server: a.replace("::ffff:", ""), source: a });
  });

  test.each(SOCKETS)("that was connected while it was up stays: $type, $a", async ({ type, a, proxy }) => {
    const obey = await openSocket(type);
    const running = await startProxy();
    await obey(`connect ${a}`);
    expect(await obey("ask")).toEqual({ server: proxy, source: a });
    await running.stop();
    expect(await obey("ask")).toMatchObject({ error: expect.anything() });
    await startProxy();
    expect(await obey("ask")).toEqual({ server: proxy, source: a });
  });
});
