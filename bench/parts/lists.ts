// What a connection costs, by how much is excluded. It is to none of that.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "../../test/support/world.ts";
import { type Candidate, EBPF, EBPF_TC, IPTABLES_NFT, install } from "../candidates.ts";
import { connections } from "../connections.ts";
import type { Part, PartRun } from "../part.ts";
import { ROUTES_IPV4, type Route, SERVER_PORT, withWorlds } from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const lists: Part = {
  name: "lists",
  about:
    "connect() of an intercepted connection beside so many exclusions, none of which is about it: single ports (65 534 are all but its own), address ranges (random, /24 to /32), and rules for single users. iptables looks at its rules one by one; it is measured as far as 10 000 ranges.",
  rounds: { full: 31, quick: 4 },
  roundMs: { full: 12_000, quick: 1500 },
  measure,
};

interface List {
  readonly kind: "excluded ports" | "excluded ranges" | "rules for users";
  readonly length: number;
}

const LENGTHS: readonly { readonly kind: List["kind"]; readonly full: readonly number[] }[] = [
  { kind: "excluded ports", full: [0, 100, 10_000, 65_534] },
  { kind: "excluded ranges", full: [0, 1000, 10_000, 100_000] },
  { kind: "rules for users", full: [0, 10, 100, 1000] },
];
const QUICK: readonly List[] = [
  { kind: "excluded ports", length: 0 },
  { kind: "excluded ports", length: 100 },
  { kind: "excluded ranges", length: 0 },
  { kind: "excluded ranges", length: 10_000 },
];
/** Its restore takes minutes for more, and the connections take milliseconds. */
const IPTABLES_LONGEST = 10_000;
const COUNT = 300;
const ENGINES: readonly Candidate[] = [EBPF, IPTABLES_NFT];

interface Case {
  readonly list: List;
  readonly candidate: Candidate;
  readonly route: Route;
}

async function measure(run: PartRun): Promise<void> {
  const cases = casesOf(run);
  await withWorlds(cases, prepare, async (worldOf) => {
    await run.repeat(async () => {
      for (const each of shuffled(cases)) await measureCase(run, worldOf(each), each);
    });
  });
}

function casesOf(run: PartRun): readonly Case[] {
  if (run.quick) return QUICK.flatMap(casesOfList).filter(({ candidate }) => candidate === EBPF);
  return LENGTHS.flatMap(({ kind, full }) => full.flatMap((length) => casesOfList({ kind, length })));
}

/** Users are known of outbound connections alone. */
function casesOfList(list: List): readonly Case[] {
  return ROUTES_IPV4.filter(({ direction }) => direction === "outbound" || list.kind !== "rules for users")
    .flatMap((route) => enginesOf(route).map((candidate) => ({ list, candidate, route })))
    .filter(({ candidate }) => candidate !== IPTABLES_NFT || reachesIptables(list));
}

function enginesOf({ direction }: Route): readonly Candidate[] {
  return direction === "inbound" ? [...ENGINES, EBPF_TC] : ENGINES;
}

function reachesIptables({ kind, length }: List): boolean {
  return kind === "excluded ports" || length <= IPTABLES_LONGEST;
}

async function prepare(world: World, { list, candidate, route }: Case): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tproxyctl-bench-"));
  try {
    const file = join(directory, "config.json");
    writeFileSync(file, JSON.stringify({ redirect: { [route.direction]: settingOf(list) } }));
    await install(world, candidate, "--config", file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function settingOf({ kind, length }: List): Readonly<Record<string, readonly (string | number)[]>> {
  switch (kind) {
    case "excluded ports":
      return { excludePorts: portsBut(SERVER_PORT, length) };
    case "excluded ranges":
      return { excludePortsForIPs: Array.from({ length }, randomRange) };
    case "rules for users":
      // Each has ports of its own, so that none can be put together with the next one.
      return {
        excludePortsForUIDs: Array.from({ length }, (_, index) => `tcp:${index + 1}:${3 * index + 20_001}`),
      };
  }
}

/** Spread evenly, and not next to each other where there is room. */
function portsBut(port: number, length: number): readonly number[] {
  const all = Array.from({ length: 65_535 }, (_, index) => index + 1).filter((each) => each !== port);
  return Array.from({ length }, (_, index) => all[Math.floor((index * all.length) / length)] ?? 1);
}

/** Somewhere in 11.0.0.0 to 126.255.255.255: in none of it is an address of the benchmark. */
function randomRange(): string {
  const prefix = 24 + Math.floor(Math.random() * 9);
  const address = Math.floor((11 + Math.random() * 116) * 2 ** 24);
  const network = address - (address % 2 ** (32 - prefix));
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256);
  return `${bytes.join(".")}/${prefix}`;
}

async function measureCase(run: PartRun, world: World, { list, candidate, route }: Case): Promise<void> {
  const { connectUs } = await connections(world, { ...route, count: COUNT, intercepted: COUNT });
  const scenario = `${route.name}, ${list.kind}`;
  run.record(
    { quantity: "connect", unit: "µs", scenario, candidate: candidate.name, x: list.length },
    connectUs,
  );
}
