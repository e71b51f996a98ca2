// A world with servers in it: something to connect to at both ends, and something that stands in for the proxy.

import { join } from "node:path";
import { projectRoot } from "../test/support/project-files.ts";
import { APP_UID, PROXY_UID, type RunOptions, World } from "../test/support/world.ts";

export const CONNECT_TIME = join(projectRoot, "build/connect-time");

export const SERVER_PORT = 8080;
export const PROXY_PORT = 15001;

/** The remote host is outside of the cgroup, as another machine would be. */
export const REMOTE: RunOptions = { host: "remote", uid: APP_UID, cgroup: false };
export const APPLICATION: RunOptions = { host: "service", uid: APP_UID };
const PROXY: RunOptions = { host: "service", uid: PROXY_UID };

/** Makes `count` scenes, and takes them away whatever `use` does. Node 22 does not know `await using` yet. */
export async function withScenes<T>(
  count: number,
  use: (worlds: readonly World[]) => Promise<T>,
): Promise<T> {
  const worlds: World[] = [];
  try {
    for (let made = 0; made < count; made++) {
      const world = await World.create();
      worlds.push(world);
      await startServers(world);
    }
    return await use(worlds);
  } finally {
    for (const world of worlds.reverse()) await world[Symbol.asyncDispose]();
  }
}

async function startServers(world: World): Promise<void> {
  await world.start([CONNECT_TIME, "serve", String(SERVER_PORT)], REMOTE);
  await world.start([CONNECT_TIME, "serve", String(SERVER_PORT)], APPLICATION);
  await world.start([CONNECT_TIME, "serve", String(PROXY_PORT), "15006"], PROXY);
}

/** Kernel memory of what is installed in a world, in MiB. */
export async function memoryMiB(world: World): Promise<number> {
  const { status } = await world.status();
  const { maps, programs } = status.memory as { readonly maps: number; readonly programs: number };
  return (maps + programs) / 2 ** 20;
}
