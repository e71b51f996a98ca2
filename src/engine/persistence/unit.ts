// SPDX-License-Identifier: Apache-2.0
import { CAPABILITIES_NEEDED, type CapabilityPurpose } from "../../host/capabilities.ts";

/** What the unit runs. Absolute paths. */
export interface Program {
  readonly node: string;
  readonly main: string;
}

/** The first line of a unit of ours. */
export const UNIT_MARK = "# Written by tproxyctl install --store-systemd; tproxyctl uninstall removes it.";

/** An installation with either engine, whether or not the proxy runs already. */
const PURPOSES: readonly CapabilityPurpose[] = [
  ...(["ebpf", "ebpf-load", "running-proxy", "mount-bpffs", "iptables", "iptables-legacy"] as const),
];

/** As systemd writes them. With one for locked memory, on kernels before 5.11. */
function capabilities(): string {
  const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => PURPOSES.includes(purpose));
  const names = new Set([...needed.map(({ capability }) => capability), "sys_resource"]);
  return [...names].map((name) => `CAP_${name.toUpperCase()}`).join(" ");
}

/**
 * The kernel loads modules for rules by itself, with its own capabilities, but not the first ones that iptables-legacy needs:
 * for those, iptables starts modprobe, which has no more capabilities than this unit. None of them changes what happens to a
 * packet, and where one is not there nothing fails.
 */
const MODULES = ["modprobe@ip_tables.service", "modprobe@ip6_tables.service"];

/** What brings up addresses, and what removes the rules of others when it starts: all of it comes first. */
const AFTER = [
  ...["network.target", "networking.service", "systemd-networkd-wait-online.service"],
  ...["NetworkManager-wait-online.service", "ifupdown-wait-online.service", "nss-user-lookup.target"],
  ...["firewalld.service", "nftables.service", "netfilter-persistent.service", "iptables.service"],
  ...MODULES,
];

const DIRECTORIES = "# Directories that were made for it: ";

/**
 * Variables by which Node.js, the C library and others take other code or files: those that bin/tproxyctl removes, which the
 * manager's own environment may have. A test holds the two together.
 */
export const UNSET = [
  ...["NODE_OPTIONS", "NODE_PATH", "NODE_COMPILE_CACHE", "NODE_V8_COVERAGE", "NODE_REDIRECT_WARNINGS"],
  ...["NODE_ICU_DATA", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID"],
  ...["OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"],
  ...["GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LD_AUDIT", "LD_BIND_NOT", "LD_BIND_NOW"],
  ...["LD_DEBUG", "LD_DEBUG_OUTPUT", "LD_DYNAMIC_WEAK", "LD_HWCAP_MASK", "LD_LIBRARY_PATH", "LD_ORIGIN_PATH"],
  ...["LD_PRELOAD", "LD_PROFILE", "LD_PROFILE_OUTPUT", "LD_SHOW_AUXV", "LOCALDOMAIN", "LOCPATH"],
  ...["MALLOC_CHECK_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_PERTURB_", "MALLOC_TOP_PAD_"],
  ...["MALLOC_TRACE", "MALLOC_TRIM_THRESHOLD_", "NIS_PATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS"],
  ...["TMPDIR", "TZDIR"],
];

/**
 * The unit that installs again what is stored when the host starts: once addresses are there, before whatever waits for
 * network-online.target. Stopping it takes nothing away: what is redirected must not pass the proxy by while a host
 * goes down; `tproxyctl uninstall` takes it away.
 *
 * No option that gives the service a mount namespace of its own (ProtectSystem and such): the BPF file system that an
 * installation mounts would be gone with it. No MemoryDenyWriteExecute: V8 compiles.
 *
 * @param directories that were made for what is stored, and go with it
 */
export function renderUnit(
  { node, main }: Program,
  configuration: string,
  directories: readonly string[],
): string {
  const made = directories.length === 0 ? "" : `${DIRECTORIES}${directories.join(" ")}\n`;
  return `${UNIT_MARK}
${made}[Unit]
Description=Transparent proxy (tproxyctl): puts this host behind its proxy
ConditionPathExists=${escapeSpecifiers(configuration)}
Wants=network-online.target ${MODULES.join(" ")}
After=${AFTER.join(" ")}
Before=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${quote(escapeSpecifiers(node))} ${quote(escapeArgument(main))} install --stored
TimeoutStartSec=5min
WorkingDirectory=/
UMask=0077
UnsetEnvironment=${UNSET.join(" ")}

CapabilityBoundingSet=${capabilities()}
AmbientCapabilities=
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service @mount bpf pidfd_getfd
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** What a text of `renderUnit` says; undefined where it is not one. */
export interface ReadUnit {
  readonly program: Program;
  readonly directories: readonly string[];
}

export function readUnit(text: string): ReadUnit | undefined {
  const [, node, main] = /^ExecStart="((?:[^"\\]|\\.)+)" "((?:[^"\\]|\\.)+)" /m.exec(text) ?? [];
  if (node === undefined || main === undefined) return undefined;
  const directories = text.split("\n").find((line) => line.startsWith(DIRECTORIES));
  return {
    program: { node: unquote(node), main: unquote(main).replaceAll("$$", () => "$") },
    directories: directories?.slice(DIRECTORIES.length).split(" ") ?? [],
  };
}

/** One word of a command line (systemd.service(5), "Command lines"). */
function quote(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `"${escaped.replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\r", "\\r")}"`;
}

function escapeSpecifiers(text: string): string {
  return text.replaceAll("%", "%%");
}

/** Variables are put into arguments, not into the name of the program. */
function escapeArgument(text: string): string {
  return escapeSpecifiers(text).replaceAll("$", "$$$$");
}

/** Of what was between the quotes. */
function unquote(text: string): string {
  const plain = text.replaceAll(/\\(.)/g, (_, name: string) => CONTROLS.get(name) ?? name);
  return plain.replaceAll("%%", "%");
}

const CONTROLS = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
]);
