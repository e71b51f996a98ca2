// Worlds with something to connect to at both ends, and with what stands in for the proxy.

import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";
import { APP_UID, PROXY_UID, type Running, type RunOptions, World } from "../test/support/world.ts";
import { type Candidate, install, isIntercepting } from "./candidates.ts";

export const TRAFFIC = join(projectRoot, "build/traffic");

export const SERVER_PORT = 8080;
export const PROXY_PORTS = { outbound: 15001, inbound: 15006 } as const;

/** The remote host is outside of the cgroup, as another machine would be. */
export const REMOTE: RunOptions = { host: "remote", uid: APP_UID, cgroup: false };
export const APPLICATION: RunOptions = { host: "service", uid: APP_UID };
export const PROXY: RunOptions = { host: "service", uid: PROXY_UID };

export interface Route {
  /** "outbound IPv4" */
  readonly name: string;
  readonly direction: "outbound" | "inbound";
  readonly client: RunOptions;
  readonly address: string;
}

export const ROUTES: readonly Route[] = [
  { name: "outbound IPv4", direction: "outbound", client: APPLICATION, address: "10.66.0.2" },
  { name: "outbound IPv6", direction: "outbound", client: APPLICATION, address: "fd66::2" },
  { name: "inbound IPv4", direction: "inbound", client: REMOTE, address: "10.66.0.1" },
  { name: "inbound IPv6", direction: "inbound", client: REMOTE, address: "fd66::1" },
];
export const ROUTES_IPV4: readonly Route[] = ROUTES.filter(({ name }) => name.endsWith("IPv4"));

export type WorldOf<Key> = (key: Key) => World;

/** Makes worlds as `prepare` says, and takes them away whatever `use` does. Node 22 does not know `await using` yet. */
export async function withWorlds<Key, T>(
  keys: readonly Key[],
  prepare: (world: World, key: Key) => Promise<unknown>,
  use: (worldOf: WorldOf<Key>) => Promise<T>,
): Promise<T> {
  const worlds = new Map<Key, World>();
  const errors: unknown[] = [];
  const attempt = async <R>(action: () => Promise<R>): Promise<R | undefined> => {
    try {
      return await action();
    } catch (error) {
      errors.push(error);
      return undefined;
    }
  };
  const result = await attempt(async () => {
    for (const key of keys) worlds.set(key, await World.create((world) => prepare(world, key)));
    const used = await use((key) => {
      const world = worlds.get(key);
      if (world === undefined) throw new Error(`there is no world for ${JSON.stringify(key)}`);
      return world;
    });
    return { used };
  });
  // One that does not go is no reason to leave the others.
  for (const world of [...worlds.values()].reverse()) await attempt(() => world[Symbol.asyncDispose]());
  if (errors.length > 1) throw new AggregateError(errors, String(errors[0]));
  if (result === undefined || errors.length === 1) throw errors[0];
  return result.used;
}

/** A world for each candidate, alike but for what is installed. */
export function withCandidates<T>(
  candidates: readonly Candidate[],
  use: (worldOf: WorldOf<Candidate>) => Promise<T>,
): Promise<T> {
  return withWorlds(candidates, (world, candidate) => install(world, candidate), use);
}

/**
 * Servers for one measurement. Where in memory a process happens to be makes a difference for as long as it lives, as much
 * as is looked for: were they the same in all rounds, no number of rounds would make up for it.
 */
async function withServers<T>(world: World, cgroup: string | undefined, use: () => Promise<T>): Promise<T> {
  const servers = await startServers(world, cgroup);
  try {
    return await use();
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/**
 * An application at both hosts, and what stands in for the proxy.
 * @param cgroup where the service's processes run, if not in the world's own
 */
export async function startServers(world: World, cgroup = world.cgroup): Promise<readonly Running[]> {
  return [
    await world.start([TRAFFIC, "serve", String(SERVER_PORT)], REMOTE),
    await world.start([TRAFFIC, "serve", String(SERVER_PORT)], { ...APPLICATION, cgroup }),
    await world.start([TRAFFIC, "serve", ...Object.values(PROXY_PORTS).map(String)], { ...PROXY, cgroup }),
  ];
}

/**
 * What `traffic` said, and that it was intercepted where it should have been, each time, and nowhere else.
 * @param cgroup where the service's processes run, if not in the world's own
 */
export async function traffic<T extends { readonly intercepted: number }>(
  world: World,
  args: readonly (string | number)[],
  client: RunOptions,
  intercepted: number,
  cgroup?: string,
): Promise<T> {
  const command = [TRAFFIC, ...args.map(String)];
  const { stdout, stderr, exitCode } = await withServers(world, cgroup, () => world.run(command, client));
  if (exitCode !== 0) throw new Error(`traffic ${args.join(" ")} failed: ${stderr}`);
  const result = JSON.parse(stdout) as T;
  // Figures of something else than they say are worse than none.
  if (result.intercepted !== intercepted)
    throw new Error(
      `traffic ${args.join(" ")}: ${result.intercepted} connections were intercepted, not ${intercepted}`,
    );
  return result;
}

/** Tc steers inbound connections alone: outbound it is what sk_lookup is. */
export function differs(candidate: Candidate, { direction }: Route): boolean {
  return direction === "inbound" || candidate.name !== "eBPF, tc";
}

export function expectedOf(candidate: Candidate, count: number): number {
  return isIntercepting(candidate) ? count : 0;
}
