// What the checks are made of.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type Connection,
  PROXY_UID,
  type Result,
  type RunOptions,
  TPROXYCTL,
  type World,
} from "../support/world.ts";
import type { Check, Guest } from "./check.ts";

export const app: RunOptions = {};
export const proxy: RunOptions = { uid: PROXY_UID };
export const remote: RunOptions = { host: "remote", cgroup: false };
export const other: RunOptions = { host: "other", cgroup: false };

interface Wanted {
  readonly listener: number;
  readonly peer?: string;
}

/** A connection, and the port of the listener that must get it: the proxy's learn where it was going. */
export function connection(
  name: string,
  who: RunOptions,
  to: string,
  wanted: Wanted,
  more: { readonly flags?: readonly string[]; readonly column?: Check["column"] } = {},
): Check {
  const { flags = [], column } = more;
  const run = async ({ world }: Guest) => {
    const result = await world.connect(to, { ...who, flags });
    deepEqual(outcome(result), {
      error: "",
      peer: wanted.peer ?? to,
      listener: wanted.listener,
      original: wanted.listener > 15_000 ? to : null,
    });
    return undefined;
  };
  return { name, ...(column === undefined ? {} : { column }), run };
}

/** The original destination counts where the proxy is asked: with iptables, conntrack has an answer for any connection. */
export function outcome({ error, peer, server }: Connection) {
  const listener = server === null ? null : Number(/\d+$/.exec(server.listener)?.[0]);
  const original = listener !== null && listener > 15_000 ? (server?.origdst ?? null) : null;
  return { error, peer, listener, original };
}

export function refused(name: string, who: RunOptions, to: string): Check {
  const run = async ({ world }: Guest) => {
    const { error, ms } = await world.connect(to, who);
    equal(error, "ECONNREFUSED");
    ok(ms < 1000, `it took ${ms} ms`);
    return undefined;
  };
  return { name, run };
}

const DIRECTIONS = [
  { to: "10.66.0.2:80", who: app, listener: 15001 },
  { to: "[fd66::2]:80", who: app, listener: 15001 },
  { to: "10.66.0.1:80", who: remote, listener: 15006 },
  { to: "[fd66::1]:80", who: remote, listener: 15006 },
];

/** @param past the port of the server that gets it instead of the proxy */
export async function everyDirection(world: World, past?: number): Promise<void> {
  for (const { to, who, listener } of DIRECTIONS) {
    const result = outcome(await world.connect(to, who));
    const original = past === undefined ? to : null;
    deepEqual(result, { error: "", peer: to, listener: past ?? listener, original }, to);
  }
}

/** Real servers on both hosts. */
export async function serveBoth(world: World, ports: readonly number[]): Promise<void> {
  const listen = ports.flatMap((port) => [`0.0.0.0:${port}`, `[::]:${port}`]);
  await world.serve(listen);
  await world.serve(listen, { host: "remote", cgroup: false });
}

/** `tproxyctl …` as the group has it. */
export function tproxyctl({ world, group }: Guest, ...args: readonly string[]): Promise<Result> {
  return world.run([...(group.within ?? []), TPROXYCTL, ...args], { cgroup: false });
}

export function expectError({ exitCode, stdout, stderr }: Result, code: string, reason: RegExp): void {
  equal(exitCode, 1, stderr);
  equal(stdout, "");
  match(stderr, new RegExp(`^ code: ${code}$`, "m"));
  match(stderr, reason);
}

/** Which of the hooks of an installation is made of which programs: `status`, as far as it is of use here. */
export async function hooksOf(world: World): Promise<{ readonly program: string; readonly state: string }[]> {
  const { status } = await world.status();
  const hooks = status.hooks as { hook: { program: string }; state: string }[];
  return hooks.map(({ hook, state }) => ({ program: hook.program, state }));
}

/** The directory of an installation. */
export async function pinsOf(world: World): Promise<string> {
  const { status } = await world.status();
  const pins = String(status.pins);
  ok(existsSync(join(pins, "record")), `there is no record in ${pins}`);
  return pins;
}
