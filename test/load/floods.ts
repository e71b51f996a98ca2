// Many connections at once, by several processes: each may open 20 000 files only.

import { expect } from "vitest";
import { PROXY_UID, type Running, type RunOptions, TPNET, type World } from "../support/world.ts";

export interface Flood {
  readonly count: number;
  readonly right: number;
  readonly wrong: number;
  readonly wrong_peer: number;
  readonly failed: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly first_wrong: string | null;
  readonly open?: number;
  readonly alive?: number;
  readonly seconds: number;
}

/** Several proxies that share the ports by SO_REUSEPORT. */
export async function startProxies(world: World, processes: number): Promise<void> {
  for (let i = 0; i < processes; i++) await world.startProxy({ uid: PROXY_UID, flags: ["--reuseport", "1"] });
}

/** Opens `count` connections by `processes` processes; each must reach its destination. Resolves when all are closed. */
export async function flood(
  world: World,
  args: readonly string[],
  { count, processes, parallel }: { count: number; processes: number; parallel: number },
  options: RunOptions = {},
): Promise<void> {
  const each = count / processes;
  const floods = Array.from({ length: processes }, async (_, index) => {
    const command = [TPNET, "flood", ...args, "--count", `${each}`, "--parallel", `${parallel / processes}`];
    const { stdout, stderr } = await world.run(
      [...command, "--timeout", "60000", "--seed", `${index + 1}`],
      options,
    );
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Flood;
  });
  for (const result of await Promise.all(floods)) expect(result).toMatchObject(allRight(each));
}

/** Opens connections by several processes and holds them. `optionsOf` is given the number of the process, from 0 on. */
export async function hold(
  world: World,
  args: readonly string[],
  { count, processes }: { count: number; processes: number },
  optionsOf: (index: number) => RunOptions,
): Promise<readonly Running[]> {
  const each = count / processes;
  const command = [TPNET, "flood", ...args, "--count", `${each}`, "--parallel", "500", "--hold"];
  const holders = Array.from({ length: processes }, async (_, index) => {
    const isReady = (line: string) => line.startsWith('{"open"');
    const running = await world.start([...command, "--timeout", "60000"], {
      ...optionsOf(index),
      isReady,
      timeoutMs: 100_000,
    });
    expect(last(running)).toMatchObject({ open: each, ...allRight(each) });
    return running;
  });
  return Promise.all(holders);
}

/** Sends a byte over each and waits for its echo, then closes all. */
export async function expectAlive(holders: readonly Running[]): Promise<void> {
  for (const holder of holders) {
    holder.child.stdin?.end();
    await holder.waitFor((line) => line.includes('"alive"'));
    const { count } = last(holder);
    expect(last(holder)).toMatchObject({ open: count, alive: count, ...allRight(count) });
  }
}

function last(running: Running): Flood {
  return JSON.parse(running.lines.at(-1) ?? "null") as Flood;
}

function allRight(count: number): Partial<Flood> {
  return { count, right: count, wrong: 0, wrong_peer: 0, failed: 0, errors: {}, first_wrong: null };
}
