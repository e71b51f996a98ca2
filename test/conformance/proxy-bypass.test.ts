// --when-proxy-down=bypass: while nobody listens a connection goes where it wanted, and is counted.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { decidedAgain } from "../support/kernel-counters.ts";
import { APP_UID, PROXY_UID, type Running, World } from "../support/world.ts";
import { CONNECTIONS, connect, type ProxyConnection } from "./proxy-down-situations.ts";
import { outcome } from "./try-situation.ts";
import { EBPF_WAYS } from "./ways.ts";

interface Listening {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly flags?: readonly string[];
  /** The families in which anybody listens. */
  readonly families: readonly ProxyConnection["family"][];
}

const LISTENING: readonly Listening[] = [
  { name: "0.0.0.0 and [::]", addresses: ["0.0.0.0", "[::]"], families: ["v4", "v6"] },
  { name: "[::], dual stack, only", addresses: ["[::]"], flags: ["--dual"], families: ["v4", "v6"] },
  { name: "127.0.0.1 and [::1]", addresses: ["127.0.0.1", "[::1]"], families: ["v4", "v6"] },
  { name: "the host's address", addresses: ["10.66.0.1", "[fd66::1]"], families: ["v4", "v6"] },
  { name: "127.0.0.1 only", addresses: ["127.0.0.1"], families: ["v4"] },
  { name: "0.0.0.0 only", addresses: ["0.0.0.0"], families: ["v4"] },
  { name: "[::], IPv6 only", addresses: ["[::]"], families: ["v6"] },
  {
    name: "four dual-stack sockets with SO_REUSEPORT",
    addresses: ["[::]"],
    flags: ["--reuseport", "4", "--dual"],
    families: ["v4", "v6"],
  },
];

const NOBODY: Pick<Listening, "families"> = { families: [] };

const COUNTERS = [
  "outboundBypassed",
  "selfBypassed",
  "inboundBypassed",
  "outboundRedirected",
  "selfRedirected",
  "inboundRedirected",
  "inboundSynTc",
  "inboundSynLookup",
  "inboundNoListener",
] as const;
type Counts = Record<(typeof COUNTERS)[number], number>;

describe.each(EBPF_WAYS)("inbound by $way", (way) => {
  let world: World;

  beforeAll(async () => {
    world = await World.create();
    await world.install(...way.flags, "--when-proxy-down=bypass");
    await world.serve(["0.0.0.0:80", "[::]:80"]);
    await world.serve(["0.0.0.0:80", "[::]:80"], { host: "remote", cgroup: false });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function start({ addresses, flags = [] }: Listening): Promise<Running> {
    const listen = [15001, 15006].flatMap((port) => addresses.map((address) => `${address}:${port}`));
    const proxy = await world.startProxy({ listen, flags });
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  async function counts(): Promise<Counts> {
    const { status } = await world.status();
    const connections = status.connections as Counts;
    return Object.fromEntries(COUNTERS.map((name) => [name, connections[name]])) as Counts;
  }

  /** Every connection once: to the proxy where it listens for its family, else past it, and counted as that alone. */
  async function expectAll({ families }: Pick<Listening, "families">): Promise<void> {
    const [expected, againBefore] = [await counts(), await decidedAgain(world)];
    for (const each of CONNECTIONS) {
      const taken = families.includes(each.family);
      expect({ name: each.name, ...outcome(await connect(world, each), way) }).toMatchObject({
        name: each.name,
        error: "",
        listener: taken ? each.listener : 80,
        original: taken ? each.to : null,
      });
      for (const name of countersOf(each, taken)) expected[name] += 1;
    }
    // How an inbound SYN is steered depends on where the proxy listens: by one way or the other.
    const [wanted, found] = [sumSteered(expected), sumSteered(await counts())];
    // On a machine that has stood still.
    const again = (await decidedAgain(world)) - againBefore;
    for (const name of ["inboundBypassed", "steered"] as const)
      if (found[name] > wanted[name] && found[name] <= wanted[name] + again) wanted[name] = found[name];
    expect(found).toEqual(wanted);
  }

  function countersOf(each: ProxyConnection, taken: boolean): readonly (keyof Counts)[] {
    if (!taken) return [each.bypassed];
    if (each.host === "remote") return ["inboundRedirected", "inboundSynLookup"];
    return [each.listener === 15001 ? "outboundRedirected" : "selfRedirected"];
  }

  function sumSteered({ inboundSynTc, inboundSynLookup, ...rest }: Counts) {
    return { ...rest, steered: inboundSynTc + inboundSynLookup };
  }

  test("before the proxy was ever started, each goes where it wanted", async () => {
    await expectAll(NOBODY);
    await expectAll(NOBODY);
  });

  test.each(someOf(LISTENING, 2))("a proxy on $name is started and ended, twice", async (listening) => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const proxy = await start(listening);
      await expectAll(listening);
      await proxy.stop(signal);
      await expectAll(NOBODY);
    }
  });

  test("one proxy after the other, each listening in another way", async () => {
    for (const listening of LISTENING) {
      const proxy = await start(listening);
      await expectAll(listening);
      await proxy.stop();
    }
    await expectAll(NOBODY);
  });

  test("a proxy that listens on one of its ports only", async () => {
    const proxy = await world.startProxy({ listen: ["0.0.0.0:15001", "[::]:15001"] });
    onTestFinished(() => proxy.stop());
    for (const each of CONNECTIONS) {
      expect(outcome(await connect(world, each), way)).toMatchObject({
        error: "",
        listener: each.listener === 15001 ? 15001 : 80,
      });
    }
  });

  test("who listens in another network namespace does not count", async () => {
    const listen = [15001, 15006].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
    const other = await world.serve(listen, { host: "remote", uid: PROXY_UID });
    onTestFinished(() => other.stop());
    await expectAll(NOBODY);
  });

  // As where there is no bypass: whoever has the port is who gets it.
  test("whoever listens on the port counts, whatever its user", async () => {
    const other = await world.serve(["0.0.0.0:15001", "[::]:15001"], { uid: APP_UID });
    onTestFinished(() => other.stop());
    for (const to of ["10.66.0.2:80", "[fd66::2]:80"]) {
      const result = outcome(await world.connect(to), way);
      expect(result).toEqual({ error: "", peer: to, listener: 15001, original: to });
    }
  });

  test("a destination where nobody listens either says so itself", async () => {
    const before = await counts();
    for (const to of ["10.66.0.2:9", "[fd66::2]:9"]) {
      expect(await world.connect(to)).toMatchObject({ error: "ECONNREFUSED" });
    }
    for (const to of ["10.66.0.1:9", "[fd66::1]:9"]) {
      const connection = await world.connect(to, { host: "remote", cgroup: false });
      expect(connection).toMatchObject({ error: "ECONNREFUSED" });
    }
    expect(await counts()).toEqual({
      ...before,
      outboundBypassed: before.outboundBypassed + 2,
      inboundBypassed: before.inboundBypassed + 2,
    });
  });

  test("a socket that is bound to a device goes where it wanted, too", async () => {
    for (const to of ["10.66.0.2:80", "[fd66::2]:80"]) {
      const connection = await world.connect(to, { flags: ["--device", "eth0"] });
      expect(outcome(connection, way)).toEqual({ error: "", peer: to, listener: 80, original: null });
    }
  });

  describe("once it is installed to refuse", () => {
    let bypassed: number;

    beforeEach(async () => {
      bypassed = sumBypassed(await counts());
      await world.install(...way.flags);
    });

    test("each is refused, and what went past before is still told", async () => {
      for (const each of CONNECTIONS) {
        expect(await connect(world, each)).toMatchObject({ error: "ECONNREFUSED" });
      }
      expect(sumBypassed(await counts())).toBe(bypassed);
      const { stdout } = await world.tproxyctl(["status"]);
      expect(stdout).toContain("while the proxy does not listen: what would go to it is refused\n");
      expect(stdout).toContain(`went past the proxy because nobody listened: ${bypassed}\n`);
    });
  });

  function sumBypassed({ outboundBypassed, selfBypassed, inboundBypassed }: Counts): number {
    return outboundBypassed + selfBypassed + inboundBypassed;
  }
});
