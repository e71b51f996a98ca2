// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { TproxyError } from "../core/errors.ts";

/** In the order of their numbers in linux/capability.h, from 0 on. */
const NAMES = [
  ...["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"],
  ...[
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
  ],
  ...[
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
  ],
  ...[
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
  ],
  ...["mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"],
  "checkpoint_restore",
] as const;

export type Capability = (typeof NAMES)[number];

/**
 * What capabilities are needed for:
 * - "ebpf", "iptables": to install, show and remove with that engine; on top of that, "ebpf-load": to install, and
 *   "iptables-legacy": where the rules are the kernel's ip_tables;
 * - "running-proxy": to install with eBPF while the proxy runs already;
 * - "mount-bpffs": to mount the file system for the pins where there is none, and to unmount it again;
 * - "other-users": verify as root makes connections as the users that the rules are about, without only its own; proxy
 *   gives up root for a user;
 * - "try-tables": doctor tries in a network namespace of its own whether the kernel takes rules, without it is not known.
 *
 * explain and config need none; uninstall without root, and the like, is refused before.
 */
export type CapabilityPurpose =
  | "ebpf"
  | "ebpf-load"
  | "iptables"
  | "iptables-legacy"
  | "running-proxy"
  | "mount-bpffs"
  | "other-users"
  | "try-tables";

export interface NeededCapability {
  readonly capability: Capability;
  /** Others that serve as well. */
  readonly or: readonly Capability[];
  readonly purpose: CapabilityPurpose;
  /** Goes with "it …" in a sentence. */
  readonly reason: string;
}

/**
 * What all commands need, found by taking away one at a time (Linux 6.18, iptables 1.8.9; test/lifecycle/capabilities*.test.ts
 * holds it). Before Linux 5.8 there are no CAP_BPF and CAP_PERFMON: CAP_SYS_ADMIN takes their place. Before 5.11 lifting
 * the limit on locked memory needs CAP_SYS_RESOURCE on top. Those of eBPF count in the initial user namespace only.
 */
export const CAPABILITIES_NEEDED: readonly NeededCapability[] = [
  {
    capability: "net_admin",
    or: [],
    purpose: "ebpf",
    reason: "attaches and detaches network programs, adds ::6 to the loopback interface",
  },
  {
    capability: "bpf",
    or: ["sys_admin"],
    purpose: "ebpf",
    reason: "makes maps and programs, and opens those that are there",
  },
  {
    capability: "perfmon",
    or: ["sys_admin"],
    purpose: "ebpf-load",
    reason: "lets the verifier follow the programs where they index into maps and packets",
  },
  {
    capability: "sys_ptrace",
    or: [],
    purpose: "running-proxy",
    reason: "takes over the listening sockets of a proxy that runs already (pidfd_getfd)",
  },
  {
    capability: "dac_read_search",
    or: ["dac_override"],
    purpose: "running-proxy",
    reason: "looks for those sockets in the /proc/<pid>/fd of the proxy's user",
  },
  {
    capability: "sys_admin",
    or: [],
    purpose: "mount-bpffs",
    reason: "mounts a BPF file system where there is none yet, and unmounts it",
  },
  {
    capability: "net_admin",
    or: [],
    purpose: "iptables",
    reason: "reads and writes rules, tells conntrack of connections, adds ::6 to the loopback interface",
  },
  {
    capability: "net_raw",
    or: [],
    purpose: "iptables-legacy",
    reason: "opens the raw socket by which iptables-legacy reads and writes rules",
  },
  { capability: "setuid", or: [], purpose: "other-users", reason: "becomes the user that connects" },
  { capability: "setgid", or: [], purpose: "other-users", reason: "leaves the groups of root" },
  {
    capability: "sys_admin",
    or: [],
    purpose: "try-tables",
    reason: "makes a network namespace to try rules in",
  },
];

/** What this process lacks for the purposes given. */
export function missingCapabilities(
  purposes: readonly CapabilityPurpose[],
  effective: ReadonlySet<Capability> = effectiveCapabilities(),
): NeededCapability[] {
  const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => purposes.includes(purpose));
  return needed.filter(({ capability, or }) => ![capability, ...or].some((name) => effective.has(name)));
}

/**
 * @param who in the message: "the eBPF engine"
 * @throws TproxyError CAPABILITY_MISSING, with each that is missing and its reason
 */
export function requireCapabilities(who: string, purposes: readonly CapabilityPurpose[]): void {
  const missing = missingCapabilities(purposes);
  if (missing.length === 0) return;
  const lines = missing.map(({ capability, reason }) => `${nameOfCapability(capability)}, which ${reason}`);
  throw new TproxyError("CAPABILITY_MISSING", `${who} lacks ${lines.join("; and ")}`, {
    hint: "Give the process these capabilities (securityContext.capabilities.add in Kubernetes).",
  });
}

/** "CAP_NET_ADMIN" for "net_admin". */
export function nameOfCapability(capability: Capability): string {
  return `CAP_${capability.toUpperCase()}`;
}

/** The effective capabilities of this process. */
export function effectiveCapabilities(): Set<Capability> {
  return parseEffectiveCapabilities(readFileSync("/proc/self/status", "utf8"));
}

/** Reads the line CapEff of /proc/<pid>/status. Capabilities newer than this program are left out. */
export function parseEffectiveCapabilities(status: string): Set<Capability> {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (hex === undefined) throw new TproxyError("INTERNAL", "/proc/self/status has no line CapEff");
  const bits = BigInt(`0x${hex}`);
  return new Set(NAMES.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n));
}
