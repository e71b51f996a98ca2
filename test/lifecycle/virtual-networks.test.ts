// --vnet with eBPF: programs and rules come, change and go as one installation.

import { expect, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import type { World } from "../support/world.ts";
import { ConnectionStream } from "./connection-stream.ts";
import { EBPF, EBPF_TC, holdAll, IPTABLES, REMOTE } from "./engines.ts";
import {
  CONTAINER,
  ELSEWHERE,
  expectNetworks,
  expectNoNetworks,
  NETWORKS,
  worldWithContainer,
} from "./networks.ts";
import { expectInterception, expectNotInstalled, HeldConnections } from "./support.ts";

const LEGACY = IPTABLES.legacy[1];

interface NetworksStatus {
  readonly engine: string;
  readonly others?: unknown;
  readonly networks?: {
    readonly rules: readonly { readonly mode: string; readonly present: number }[];
    readonly findings: readonly unknown[];
  };
}

async function statusOf(world: World): Promise<{ exitCode: number; status: NetworksStatus }> {
  const { exitCode, status } = await world.status();
  return { exitCode, status: status as unknown as NetworksStatus };
}

async function expectWhole(world: World): Promise<void> {
  const { exitCode, status } = await statusOf(world);
  expect({
    exitCode,
    engine: status.engine,
    others: status.others,
    findings: status.networks?.findings,
  }).toEqual({
    exitCode: 0,
    engine: "ebpf",
    others: undefined,
    findings: [],
  });
}

test.each([
  ["nft", []],
  ["legacy", [LEGACY]],
  ["nft, without comments", ["--disable-comments"]],
  ["legacy, with tc", [LEGACY, "--ebpf-tc-attach-iface=eth0"]],
])("comes and goes as one: %s", async (_title, flags) => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  await world.install(...NETWORKS, ...flags);
  await expectNetworks(world);
  await expectWhole(world);
  const installed = await kernelState(world);
  await world.install(...NETWORKS, ...flags);
  await expectWhole(world);
  const rules = (state: typeof before) => Object.entries(state).filter(([name]) => /iptables|nft/.test(name));
  expect(rules(await kernelState(world))).toEqual(rules(installed));
  await world.uninstall();
  await expectNotInstalled(world);
  await expectState(world, before);
});

test("only nat PREROUTING has rules, of the families that have a network", async () => {
  await using world = await worldWithContainer();
  await world.install(
    "--vnet=br1:10.66.1.0/24,br1:10.66.0.0/25",
    "--redirect-all-dns-traffic",
    "--iptables-logs",
  );
  const { stdout } = await world.run(["sh", "-c", "iptables-save; ip6tables-save"], { cgroup: false });
  const rules = stdout.split("\n").filter((line) => /^-A|^:KUMA|^\*/.test(line));
  expect(rules.map((rule) => rule.replace(/-m comment --comment ".*?" /, ""))).toEqual([
    "*nat",
    "-A PREROUTING -i br1 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "-A PREROUTING -d 10.66.0.0/25 -i br1 -p tcp -j RETURN",
    "-A PREROUTING ! -d 10.66.1.0/24 -i br1 -p tcp -j REDIRECT --to-ports 15001",
  ]);
});

test.each([
  ["a rule is gone", "iptables -t nat -D PREROUTING 2"],
  ["the rules are gone", "iptables -t nat -F; ip6tables -t nat -F"],
  ["a rule is there twice", `eval "iptables -t nat $(iptables -t nat -S PREROUTING | sed -n 2p)"`],
  [
    "rules are in another order",
    `rule=$(iptables -t nat -S PREROUTING | sed -n 2p); iptables -t nat -D PREROUTING 1; eval "iptables -t nat $rule"`,
  ],
])("%s: status says so, install sets it right", async (_title, damage) => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  await world.install(...NETWORKS);
  const { exitCode, stderr } = await world.run(["sh", "-e", "-c", damage], { cgroup: false });
  expect(exitCode, stderr).toBe(0);
  const damaged = await statusOf(world);
  expect(damaged).toMatchObject({
    exitCode: 2,
    status: {
      engine: "ebpf",
      networks: {
        findings: expect.arrayContaining([
          expect.objectContaining({ remedy: expect.stringMatching(/`tproxyctl install` sets it right/) }),
        ]),
      },
    },
  });
  expect(damaged.status.others).toBeUndefined();
  await world.install(...NETWORKS);
  await expectWhole(world);
  await expectNetworks(world);
  await world.uninstall();
  await expectState(world, before);
});

test("the chain is empty, and the networks go: nothing is left of them", async () => {
  await using world = await worldWithContainer();
  await world.install(...NETWORKS);
  for (const tool of ["iptables", "ip6tables"])
    await world.run([tool, "-t", "nat", "-F", "PREROUTING"], { cgroup: false });
  await world.install();
  expect(await world.status()).toMatchObject({ exitCode: 0, status: { engine: "ebpf" } });
  await expectNoNetworks(world);
});

test("without its record it is still one installation, and status says what is amiss", async () => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  await world.install(...NETWORKS);
  await world.forgetRecords();
  const { exitCode, status } = await statusOf(world);
  expect({ exitCode, engine: status.engine, others: status.others }).toMatchObject({
    exitCode: 2,
    engine: "ebpf",
  });
  await world.install(...NETWORKS);
  await expectWhole(world);
  await expectNetworks(world);
  await world.forgetRecords();
  await world.install();
  await expectNoNetworks(world);
  await expectInterception(world);
  await world.install(...NETWORKS);
  await world.forgetRecords();
  await world.uninstall();
  // Nobody knows any more which of the chains with a hook were ours: they are empty.
  const after = await kernelState(world);
  const isNft = (name: string) => name.endsWith(": nft") || name.endsWith(": iptables");
  for (const [name, lines] of Object.entries(before)) if (!isNft(name)) expect(after[name]).toEqual(lines);
  expect(
    Object.values(after)
      .flat()
      .filter((line) => line.includes("REDIRECT")),
  ).toEqual([]);
});

/** From every side, without pause. */
function streams(world: World, destinations: readonly string[] = ELSEWHERE): Promise<ConnectionStream[]> {
  return Promise.all([
    ...destinations.map((to) => ConnectionStream.start(world, to, CONTAINER)),
    ConnectionStream.start(world, "10.66.0.2:80"),
    ConnectionStream.start(world, "[fd66::2]:80"),
    ConnectionStream.start(world, "10.66.0.1:80", REMOTE),
    ConnectionStream.start(world, "[fd66::1]:80", REMOTE),
  ]);
}

async function hold(world: World): Promise<HeldConnections[]> {
  const forwarded = ELSEWHERE.map((to) => HeldConnections.open(world, to, CONTAINER));
  return [...(await holdAll(world)), ...(await Promise.all(forwarded))];
}

test("changes in place, and what comes from a network that stays is redirected all the time", async () => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  await world.install(...NETWORKS);
  const held = await hold(world);
  const all = await streams(world);
  for (const flags of [
    NETWORKS,
    [...NETWORKS, "--vnet=eth9:10.9.0.0/16"],
    ["--vnet=br1:10.66.1.0/24,br1:10.70.0.0/16,br1:fd66:1::/64", "--exclude-outbound-ports=22"],
    [...NETWORKS, "--disable-comments", "--ebpf-tc-attach-iface=eth0"],
    [...NETWORKS, LEGACY],
    NETWORKS,
  ]) {
    await world.install(...flags);
    // By eth0 alone, with tc: the streams of the remote host come by it.
    for (const stream of all) await stream.more(5);
    await expectWhole(world);
  }
  expect((await Promise.all(all.map((stream) => stream.stop()))).flat()).toEqual([]);
  for (const each of held) await each.expectAlive();
  await world.uninstall();
  await expectState(world, before);
});

/** A listener on each of them: which one is reached, the connection says. */
const PORTS = [15001, 15006, 16001, 16006].flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
const PROXY_PORTS = ["--redirect-outbound-port=16001", "--redirect-inbound-port=16006"];

/** Of each stream: connections that did not reach a listener of these ports. */
async function expectReached(
  all: readonly ConnectionStream[],
  outbound: readonly number[],
  inbound: readonly number[],
): Promise<void> {
  for (const stream of all) {
    const isInbound = /10\.66\.0\.1:|fd66::1\]/.test(stream.to);
    const ports = isInbound ? inbound : outbound;
    expect(await stream.stop()).toEqual([]);
    const reached = stream.connections().map(({ server }) => Number(server?.listener?.split(":").at(-1)));
    expect(
      [...new Set(reached)].filter((port) => !ports.includes(port)),
      stream.to,
    ).toEqual([]);
  }
}

test.each([
  ["iptables", [...IPTABLES.nft, ...NETWORKS], [...EBPF, ...PROXY_PORTS], [16001, 16006]],
  ["eBPF", [...EBPF, ...NETWORKS], [...EBPF, ...PROXY_PORTS], [16001, 16006]],
  [
    "eBPF, and the outbound port is for inbound then",
    [...EBPF, ...NETWORKS],
    [...EBPF, "--redirect-outbound-port=16001", "--redirect-inbound-port=15001"],
    [16001, 15001],
  ],
] as const)("the proxy gets other ports, from %s", async (_title, first, second, [outbound, inbound]) => {
  await using world = await worldWithContainer({ listen: PORTS });
  const before = await kernelState(world);
  await world.install(...first);
  const all = await streams(world);
  for (let round = 0; round < 2; round++) {
    await world.install(...second, ...NETWORKS);
    for (const stream of all) await stream.more(5);
    await expectWhole(world);
    if (round > 0) break;
    await world.install(...first);
    for (const stream of all) await stream.more(5);
  }
  await expectReached(all, [15001, outbound], [15006, inbound]);
  const forwarded = await world.connect("10.66.0.2:8080", CONTAINER);
  expect(forwarded.server?.listener).toMatch(new RegExp(`:${outbound}$`));
  // What was let go of is an ordinary port again.
  const straight = await world.connect("10.66.1.1:15001", CONTAINER);
  expect(straight.server).toMatchObject({ origdst: "10.66.1.1:15001" });
  expect(straight.server?.listener).toMatch(new RegExp(`:${inbound}$`));
  await world.uninstall();
  await expectState(world, before);
});

test("networks come and go, and nobody else notices", async () => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  await world.install();
  const held = await holdAll(world);
  const all = await streams(world, []);
  for (let round = 0; round < 2; round++) {
    await world.install(...NETWORKS);
    for (const stream of all) await stream.more(5);
    await expectNetworks(world);
    await expectWhole(world);
    const forwarded = await HeldConnections.open(world, ELSEWHERE[0], CONTAINER);
    await world.install();
    for (const stream of all) await stream.more(5);
    await expectNoNetworks(world);
    expect(await world.status()).toMatchObject({ exitCode: 0, status: { engine: "ebpf" } });
    // What was redirected stays so until it ends.
    await forwarded.expectAlive();
  }
  expect((await Promise.all(all.map((stream) => stream.stop()))).flat()).toEqual([]);
  for (const each of held) await each.expectAlive();
  await world.uninstall();
  await expectState(world, before);
});

const MOVES = [
  [EBPF, IPTABLES.nft],
  [EBPF, IPTABLES.legacy],
  [EBPF_TC, IPTABLES.nft],
] as const;

test.each(someOf([...MOVES, ...MOVES.map(([a, b]) => [b, a] as const)], 3))(
  "from %j to %j, with networks",
  async (first, second) => {
    await using world = await worldWithContainer();
    const before = await kernelState(world);
    await world.install(...first, ...NETWORKS);
    const held = await hold(world);
    const all = await streams(world);
    for (const way of [second, first, second]) {
      await world.install(...way, ...NETWORKS);
      for (const stream of all) await stream.more(3);
    }
    expect((await Promise.all(all.map((stream) => stream.stop()))).flat()).toEqual([]);
    const engine = second[0] === "--engine=ebpf" ? "ebpf" : "iptables";
    expect(await world.status()).toMatchObject({ exitCode: 0, status: { engine } });
    await expectNetworks(world);
    for (const each of held) await each.expectAlive();
    await world.uninstall();
    await expectState(world, before);
  },
);

test.each([
  ["iptables to eBPF with networks of IPv4 alone", IPTABLES.nft, [...EBPF, NETWORKS[0]]],
  ["iptables-legacy to eBPF with networks", IPTABLES.legacy, [...EBPF, ...NETWORKS]],
  ["eBPF with networks to iptables without", [...EBPF, ...NETWORKS], IPTABLES.nft],
  ["iptables with networks to eBPF without", [...IPTABLES.nft, ...NETWORKS], EBPF],
])("%s: open connections go on", async (_title, first, second) => {
  await using world = await worldWithContainer();
  const before = await kernelState(world);
  await world.install(...first);
  const held = await holdAll(world);
  const all = await streams(world, []);
  await world.install(...second);
  for (const stream of all) await stream.more(3);
  expect((await Promise.all(all.map((stream) => stream.stop()))).flat()).toEqual([]);
  await expectInterception(world);
  expect((await world.status()).exitCode).toBe(0);
  for (const each of held) await each.expectAlive();
  await world.uninstall();
  await expectState(world, before);
});

test.each(["nft", "legacy"] as const)(
  "connections that were there before the rules stay as they are: %s",
  async (mode) => {
    await using world = await worldWithContainer();
    await world.serve(["10.66.0.2:8080", "[fd66::2]:8080"], REMOTE);
    await world.serve(["10.66.0.1:8080", "[fd66::1]:8080"], { cgroup: false });
    const held = [...(await holdAll(world)), await HeldConnections.open(world, "10.66.0.1:8080", CONTAINER)];
    await world.install(...NETWORKS, ...IPTABLES[mode].slice(1));
    await expectNetworks(world);
    for (const each of held) await each.expectUntouched();
  },
);

test("uninstall tells of connections that end with the rules, and of no others", async () => {
  await using world = await worldWithContainer();
  await world.install(...NETWORKS);
  const held = await holdAll(world);
  expect((await world.uninstall()).stderr).not.toMatch(/ended with them/);
  for (const each of held) await each.expectAlive();
  await world.install(...NETWORKS);
  await HeldConnections.open(world, ELSEWHERE[0], CONTAINER);
  expect((await world.uninstall()).stderr).toMatch(/5 connections that the rules .* ended with them/);
});

test("explain answers from what is installed", async () => {
  await using world = await worldWithContainer();
  await world.install(...NETWORKS);
  const args = ["explain", "inbound", "--iface", "br1", "--from", "10.66.1.2", "--json"];
  const decided = async (...to: readonly string[]) =>
    JSON.parse((await world.tproxyctl([...args, "--to", ...to])).stdout) as object;
  expect(await decided("10.66.0.2:80")).toMatchObject({
    engine: "ebpf",
    decision: { result: "outbound", rule: "virtual-network" },
  });
  expect(await decided("10.66.1.1:80")).toMatchObject({ engine: "ebpf", decision: { result: "inbound" } });
});
