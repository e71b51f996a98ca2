// However the proxy listens, and whenever it began: connections reach it with their destination.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { type Running, World } from "../support/world.ts";
import { inboundTaken } from "./evidence.ts";
import { outcome } from "./try-situation.ts";
import { WAYS } from "./ways.ts";

type Families = readonly ("v4" | "v6")[];

interface Listening {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly flags?: readonly string[];
  /** The families in which it can be reached. */
  readonly families: Families;
  /**
   * iptables' REDIRECT sends what arrives to an address of the interface that it came by, and what is sent to localhost: a
   * proxy that listens on one of them only is not there for the other, and those are refused.
   */
  readonly withIptables?: { readonly outbound: Families; readonly inbound: Families };
}

const LISTENING: readonly Listening[] = [
  { name: "0.0.0.0 and [::]", addresses: ["0.0.0.0", "[::]"], families: ["v4", "v6"] },
  { name: "[::], dual stack, only", addresses: ["[::]"], flags: ["--dual"], families: ["v4", "v6"] },
  {
    name: "127.0.0.1 only",
    addresses: ["127.0.0.1"],
    families: ["v4"],
    withIptables: { outbound: ["v4"], inbound: [] },
  },
  {
    name: "127.0.0.1 and [::1]",
    addresses: ["127.0.0.1", "[::1]"],
    families: ["v4", "v6"],
    withIptables: { outbound: ["v4", "v6"], inbound: [] },
  },
  { name: "0.0.0.0 only", addresses: ["0.0.0.0"], families: ["v4"] },
  { name: "[::], IPv6 only", addresses: ["[::]"], families: ["v6"] },
  {
    name: "the host's address",
    addresses: ["10.66.0.1", "[fd66::1]"],
    families: ["v4", "v6"],
    withIptables: { outbound: [], inbound: ["v4", "v6"] },
  },
  {
    name: "four sockets with SO_REUSEPORT",
    addresses: ["0.0.0.0", "[::]"],
    flags: ["--reuseport", "4"],
    families: ["v4", "v6"],
  },
  {
    name: "four dual-stack sockets with SO_REUSEPORT",
    addresses: ["[::]"],
    flags: ["--reuseport", "4", "--dual"],
    families: ["v4", "v6"],
  },
];

const CONNECTIONS = [
  { host: "service", family: "v4", to: "10.66.0.2:80", peer: "10.66.0.2:80", flags: [] },
  { host: "service", family: "v6", to: "[fd66::2]:80", peer: "[fd66::2]:80", flags: [] },
  { host: "service", family: "v4", to: "10.66.0.2:80", peer: "[::ffff:10.66.0.2]:80", flags: ["--mapped"] },
  { host: "remote", family: "v4", to: "10.66.0.1:80", peer: "10.66.0.1:80", flags: [] },
  { host: "remote", family: "v6", to: "[fd66::1]:80", peer: "[fd66::1]:80", flags: [] },
] as const;

/** With several sockets the kernel takes one or the other. */
const TIMES = 4;

describe.each(WAYS)("inbound by $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    // They would take what slips by.
    for (const host of ["service", "remote"]) await world.serve(["0.0.0.0:80", "[::]:80"], { host });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function start({ addresses, flags = [] }: Listening): Promise<Running> {
    const listen = [15001, 15006].flatMap((port) => addresses.map((address) => `${address}:${port}`));
    const proxy = await world.startProxy({ listen, flags });
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  async function install(): Promise<void> {
    await world.install(...way.flags);
    onTestFinished(async () => void (await world.uninstall()));
  }

  /** In which families connections of a host reach it. */
  function reached({ families, withIptables }: Listening, host: "service" | "remote"): Families {
    if (way.engine === "ebpf" || withIptables === undefined) return families;
    return host === "service" ? withIptables.outbound : withIptables.inbound;
  }

  /** What this way itself counts: what eBPF refuses inbound, what iptables sends to the inbound port. */
  function expectedCount(listening: Listening): number {
    const inbound = CONNECTIONS.filter(({ host }) => host === "remote");
    const counted = inbound.filter(
      ({ host, family }) => way.engine === "iptables" || !reached(listening, host).includes(family),
    );
    return TIMES * counted.length;
  }

  function count(): Promise<number> {
    return way.engine === "ebpf" ? world.counter("inboundNoListener") : inboundTaken(world, way);
  }

  async function expectIntercepted(listening: Listening): Promise<void> {
    for (const { host, family, to, peer, flags } of CONNECTIONS) {
      const families = reached(listening, host);
      for (let i = 0; i < TIMES; i++) {
        const connection = await world.connect(to, {
          host,
          flags,
          ...(host === "service" ? {} : { cgroup: false }),
        });
        expect(outcome(connection, way)).toEqual(
          families.includes(family)
            ? { error: "", peer, listener: host === "service" ? 15001 : 15006, original: to }
            : { error: "ECONNREFUSED", peer: null, listener: null, original: null },
        );
      }
    }
  }

  describe.each(someOf(LISTENING, 2))("on $name", (listening) => {
    test("a proxy that ran before the installation, and its successor", async () => {
      const first = await start(listening);
      await install();
      await expectIntercepted(listening);
      await first.stop();
      await start(listening);
      const before = await count();
      await expectIntercepted(listening);
      expect(await count()).toBe(before + expectedCount(listening));
    });

    test("a proxy that is started after it, three times", async () => {
      await install();
      for (let i = 0; i < 3; i++) {
        const proxy = await start(listening);
        await expectIntercepted(listening);
        await proxy.stop();
      }
    });
  });

  test("one proxy after the other, each listening in another way", async () => {
    await install();
    for (const listening of LISTENING) {
      const proxy = await start(listening);
      await expectIntercepted(listening);
      await proxy.stop();
    }
  });
});
