// A world with the test's server on both hosts, and its client as an application.

import { fileURLToPath } from "node:url";
import { APP_UID, type Running, World } from "../support/world.ts";
import { asUser, node } from "./as-user.ts";

const SERVER = fileURLToPath(new URL("programs/server.ts", import.meta.url));
const CLIENT = fileURLToPath(new URL("programs/client.ts", import.meta.url));

export type Direction = "outbound" | "inbound";
export type Family = 4 | 6;

const SERVICE = { 4: "10.66.0.1", 6: "fd66::1" } as const;
const REMOTE = { 4: "10.66.0.2", 6: "fd66::2" } as const;

/** A way through the proxy. */
export interface Route {
  readonly direction: Direction;
  readonly family: Family;
}

export const ROUTES: readonly Route[] = (["outbound", "inbound"] as const).flatMap((direction) =>
  ([4, 6] as const).map((family) => ({ direction, family })),
);

/** Where the client is going. */
export function targetOf({ direction, family }: Route, port: number): string {
  return bracket((direction === "outbound" ? REMOTE : SERVICE)[family], port);
}

/** From where the server sees the proxy come. */
export function proxyAddressOf({ direction, family }: Route): string {
  if (direction === "outbound") return bracket(SERVICE[family]);
  return family === 4 ? "127.0.0.6" : "[::6]";
}

function bracket(address: string, port?: number): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/** `10.66.0.1:80` → `10.66.0.1`, `[fd66::1]:80` → `[fd66::1]`. */
export function hostOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(":"));
}

export class Scene implements AsyncDisposable {
  readonly world: World;
  readonly servers: Readonly<Record<Direction, Running>>;

  private constructor(world: World, servers: Readonly<Record<Direction, Running>>) {
    this.world = world;
    this.servers = servers;
  }

  static async create(): Promise<Scene> {
    const world = await World.create();
    try {
      const start = (host: string) => world.start(asUser(APP_UID, node(SERVER)), { host });
      const [outbound, inbound] = await Promise.all([start("remote"), start("service")]);
      return new Scene(world, { outbound, inbound });
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs the client where connections of this direction come from; what it printed. */
  async client<T>(direction: Direction, ...args: readonly (string | number)[]): Promise<T> {
    const host = direction === "outbound" ? "service" : "remote";
    const command = asUser(APP_UID, node(CLIENT, ...args.map(String)));
    const { stdout, stderr, exitCode } = await this.world.run(command, { host });
    if (exitCode !== 0) throw new Error(`client ${args.join(" ")} failed: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async curl(direction: Direction, ...args: readonly string[]): Promise<string> {
    const host = direction === "outbound" ? "service" : "remote";
    const command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--globoff", ...args];
    const { stdout, stderr, exitCode } = await this.world.run(command, { host, uid: APP_UID });
    if (exitCode !== 0) throw new Error(`curl ${args.join(" ")} failed with ${exitCode}: ${stderr}`);
    return stdout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]();
  }
}
