// What interception adds to connect(), how many requests a second are left, and the memory that it takes.

import type { World } from "../test/support/world.ts";
import { CASES, type ConnectCase, INSTALLED, SETUPS, type Setup } from "./connect-cases.ts";
import type { Figure } from "./figure.ts";
import type { Part, PartResult, PartRun } from "./part.ts";
import { Rounds } from "./rounds.ts";
import { CONNECT_TIME, memoryMiB, withScenes } from "./scene.ts";
import { shuffled } from "./statistics.ts";

export const connect: Part = {
  name: "connect",
  roundMs: 1500,
  rounds: { full: 61, quick: 15 },
  measure,
};

const CONNECTIONS = { full: 2000, quick: 1000 } as const;
const MEMORY_GOAL_MIB = 4;

type Worlds = ReadonlyMap<Setup, World>;

function measure({ quick, repeat }: PartRun): Promise<PartResult> {
  return withScenes(SETUPS.length, async (scenes) => {
    const worlds = await install(scenes);
    const idle = await measureMemory(worlds, "idle");
    const raw = new Rounds();
    const count = quick ? CONNECTIONS.quick : CONNECTIONS.full;
    await repeat(async () => {
      for (const each of shuffled(CASES)) await connectMany(worldOf(worlds, each.setup), each, count, raw);
    });
    const used = await measureMemory(worlds, "after all connections");
    const times = CASES.flatMap((each) => figuresOf(each, raw));
    return { figures: [...idle, ...used, ...times, ...rates(raw)], raw };
  });
}

async function install(scenes: readonly World[]): Promise<Worlds> {
  const worlds = new Map<Setup, World>();
  for (const [index, world] of scenes.entries()) {
    const setup = SETUPS[index];
    if (setup === undefined) throw new Error("there are more worlds than setups");
    const flags = INSTALLED[setup];
    if (flags !== undefined) await world.install(...flags);
    worlds.set(setup, world);
  }
  return worlds;
}

function worldOf(worlds: Worlds, setup: Setup): World {
  const world = worlds.get(setup);
  if (world === undefined) throw new Error(`there is no world for ${setup}`);
  return world;
}

async function measureMemory(worlds: Worlds, when: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const setup of SETUPS.filter((each) => each in INSTALLED)) {
    const samples = [await memoryMiB(worldOf(worlds, setup))];
    figures.push({ name: `memory, ${setup}, ${when}`, unit: "MiB", samples, goal: MEMORY_GOAL_MIB });
  }
  return figures;
}

async function connectMany(world: World, each: ConnectCase, count: number, raw: Rounds): Promise<void> {
  const args = [CONNECT_TIME, "connect", each.address, String(each.port), String(count)];
  const { stdout, stderr, exitCode } = await world.run(args, each.client);
  if (exitCode !== 0) throw new Error(`${each.name}: ${stderr}`);
  const { connect, elapsed, intercepted } = JSON.parse(stdout) as {
    readonly connect: readonly number[];
    readonly elapsed: number;
    readonly intercepted: number;
  };
  // Figures of something else than they say are worse than none.
  const expected = each.intercepted ? count : 0;
  if (intercepted !== expected)
    throw new Error(`${each.name}: ${intercepted} of ${count} connections were intercepted, not ${expected}`);
  raw.add(connectOf(each), connect);
  raw.add(rateOf(each), [count / (elapsed / 1e9)]);
}

function figuresOf(each: ConnectCase, raw: Rounds): Figure[] {
  const figure: Figure = { name: each.name, unit: "µs", samples: toUs(raw.samples(connectOf(each))) };
  const base = CASES.find(({ name }) => name === each.base);
  if (base === undefined) return [figure];
  const added: Figure = {
    name: "  added to direct, round by round",
    unit: "µs",
    samples: toUs(raw.added(connectOf(each), connectOf(base))),
    ...(each.goalUs === undefined ? {} : { goal: each.goalUs }),
  };
  return [figure, added];
}

function rates(raw: Rounds): Figure[] {
  return CASES.map((each) => ({
    name: `requests, ${each.name}`,
    unit: "1/s",
    samples: raw.samples(rateOf(each)),
  }));
}

/** The names in the raw data. */
function connectOf({ name }: ConnectCase): string {
  return `connect ns: ${name}`;
}

function rateOf({ name }: ConnectCase): string {
  return `requests a second: ${name}`;
}

function toUs(nanoseconds: readonly number[]): number[] {
  return nanoseconds.map((each) => each / 1000);
}
