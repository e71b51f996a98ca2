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

export async function createScene(): Promise<World> {
  const world = await World.create();
  try {
    await world.start([CONNECT_TIME, "serve", String(SERVER_PORT)], REMOTE);
    await world.start([CONNECT_TIME, "serve", String(SERVER_PORT)], APPLICATION);
    await world.start([CONNECT_TIME, "serve", String(PROXY_PORT), "15006"], PROXY);
    return world;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

/** Kernel memory of what is installed in a world, in MiB. */
export async function memoryMiB(world: World): Promise<number> {
  const { status } = await world.status();
  const { maps, programs } = status.memory as { readonly maps: number; readonly programs: number };
  return (maps + programs) / 2 ** 20;
}
