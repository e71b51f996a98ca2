// What the checks are made of.

import { deepEqual, equal, ok } from "node:assert/strict";
import { execa } from "execa";
import { type Connection, PROXY_UID, type Running, type RunOptions, type World } from "../support/world.ts";

export interface Check {
  readonly name: string;
  readonly groups: readonly string[];
  /** Without it nothing else in the group can work. */
  readonly essential?: boolean;
  /** Throws where it does not hold; may return a word on how it does. */
  readonly run: (guest: Guest) => Promise<string | undefined>;
}

/** What the checks of a group have in common. */
export interface Guest {
  readonly world: World;
  /** What is installed, and with which flags. */
  readonly setting: string;
  readonly flags: readonly string[];
  /** What there was before the first installation. */
  before: string;
  proxy: Running | undefined;
}

/** Both ways in. What depends on neither is tried with the first. */
export const SETTINGS = [
  { name: "sk_lookup", flags: [] },
  { name: "tc", flags: ["--ebpf-tc-attach-iface", "eth0"] },
] as const;

export const BOTH = SETTINGS.map(({ name }) => name);
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
  flags: readonly string[] = [],
): Check {
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
  return { name, groups: BOTH, run };
}

export function outcome({ error, peer, server }: Connection) {
  const listener = server === null ? null : Number(/\d+$/.exec(server.listener)?.[0]);
  return { error, peer, listener, original: server?.origdst ?? null };
}

export function refused(name: string, who: RunOptions, to: string): Check {
  const run = async ({ world }: Guest) => {
    const { error, ms } = await world.connect(to, who);
    equal(error, "ECONNREFUSED");
    ok(ms < 1000, `it took ${ms} ms`);
    return undefined;
  };
  return { name, groups: BOTH, run };
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
    deepEqual(result, { error: "", peer: to, listener: past ?? listener, original });
  }
}

/** All programs, links and pins, and what is attached to the interfaces: nobody else uses this kernel. */
export async function bpfState(world: World): Promise<string> {
  const netns = [`--net=/run/netns/${world.netns("service")}`];
  const parts = await Promise.all([
    execa("bpftool", ["prog", "show"]),
    execa("bpftool", ["link", "show"]),
    execa("nsenter", [...netns, "tc", "qdisc", "show", "dev", "eth0"]),
    execa("nsenter", [...netns, "tc", "filter", "show", "dev", "eth0", "ingress"]),
    execa("nsenter", [...netns, "ip", "-brief", "address", "show", "dev", "lo"]),
    execa("find", [world.bpffs, "/run/tproxyctl"], { reject: false }),
    execa("grep", ["-c", "bpf", "/proc/mounts"], { reject: false }),
  ]);
  return parts.map(({ stdout }) => stdout).join("\n--\n");
}
