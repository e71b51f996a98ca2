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

/** What a capability is needed for: for everything, to take over the sockets of a running proxy, to mount bpffs. */
export type CapabilityPurpose = "always" | "running-proxy" | "mount-bpffs";

export interface NeededCapability {
  readonly capability: Capability;
  /** Others that serve as well. */
  readonly or: readonly Capability[];
  readonly purpose: CapabilityPurpose;
  /** Goes with "it …" in a sentence. */
  readonly reason: string;
}

/**
 * What the eBPF engine needs, found by taking away one at a time (Linux 6.18; a test holds it). Before Linux 5.8
 * there are no CAP_BPF and CAP_PERFMON: CAP_SYS_ADMIN takes their place. Before 5.11 lifting the limit on locked
 * memory needs CAP_SYS_RESOURCE on top. All count in the initial user namespace only.
 */
export const CAPABILITIES_NEEDED: readonly NeededCapability[] = [
  {
    capability: "net_admin",
    or: [],
    purpose: "always",
    reason: "loads and attaches network programs, adds ::6 to the loopback interface",
  },
  { capability: "bpf", or: ["sys_admin"], purpose: "always", reason: "makes maps and loads programs" },
  {
    capability: "perfmon",
    or: ["sys_admin"],
    purpose: "always",
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
    reason: "mounts a BPF file system where there is none yet",
  },
];

/** What this process lacks for the purposes given ("always" is always among them). */
export function missingCapabilities(
  purposes: readonly CapabilityPurpose[] = [],
  effective: ReadonlySet<Capability> = effectiveCapabilities(),
): NeededCapability[] {
  const needed = CAPABILITIES_NEEDED.filter(
    ({ purpose }) => purpose === "always" || purposes.includes(purpose),
  );
  return needed.filter(({ capability, or }) => ![capability, ...or].some((name) => effective.has(name)));
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
