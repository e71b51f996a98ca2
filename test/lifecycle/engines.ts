// Flags for each engine and mode, and connections through whichever is there.

import type { World } from "../support/world.ts";
import { HeldConnections } from "./support.ts";

export const REMOTE = { host: "remote", cgroup: false } as const;

const PROGRAMS = ["", "-save", "-restore"] as const;
const LEGACY = ["iptables", "ip6tables"].flatMap((base) =>
  PROGRAMS.map((program) => `${base}${program}:/usr/sbin/${base}-legacy${program}`),
);

export const IPTABLES = {
  nft: ["--engine=iptables"],
  legacy: ["--engine=iptables", `--iptables-executables=${LEGACY.join(",")}`],
} as const;
export const EBPF = ["--engine=ebpf"] as const;
export const EBPF_TC = ["--engine=ebpf", "--ebpf-tc-attach-iface", "eth0"] as const;

/** In every direction and family. */
export const WAYS = [
  ["10.66.0.2:8080", {}],
  ["[fd66::2]:8080", {}],
  ["10.66.0.1:8080", REMOTE],
  ["[fd66::1]:8080", REMOTE],
] as const;

/** Connections in every direction and family that stay open. */
export function holdAll(world: World): Promise<HeldConnections[]> {
  return Promise.all(WAYS.map(([to, options]) => HeldConnections.open(world, to, options)));
}
