// All that belongs to a world: in the kernel, below its bpffs and in /run. Taken before and after, it shows what
// was left behind, and what was taken away that was somebody else's.

import { deepStrictEqual } from "node:assert/strict";
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { execa } from "execa";
import { ATTACH_TYPE } from "../../src/bpf/attach-types.ts";
import { BpfMap } from "../../src/bpf/map.ts";
import { readNetns } from "../../src/engine/netns.ts";
import { libbpf } from "../../src/native/libbpf.ts";
import { setns } from "../../src/native/namespaces.ts";
import type { World } from "./world.ts";

/** What there is, by where it was looked for: one line each, sorted. */
export type KernelState = Readonly<Record<string, readonly string[]>>;

export interface LookOptions {
  /**
   * A process in a mount namespace with a /run of its own: all of that is looked at, and what is mounted in it.
   * Without, only what is this world's: the machine's /run is everybody's.
   */
  readonly mountsOf?: number;
  /** Only the namespaces of these hosts; all by default. */
  readonly hosts?: readonly string[];
}

interface Namespace {
  readonly name: string;
  readonly inode: number;
  readonly cookie: bigint | undefined;
  /** Ids of the programs at tcx, by `<ifindex> <direction>`. */
  readonly tcx: readonly string[];
}

export async function kernelState(world: World, options: LookOptions = {}): Promise<KernelState> {
  const namespaces = namespacesOf(world, options.hosts);
  const parts = await Promise.all([
    lookAtBpf(world, namespaces),
    ...namespaces.map((namespace) => lookAtNamespace(namespace)),
  ]);
  return Object.assign({}, ...parts, lookAtFiles(world, namespaces, options));
}

/** Waits until everything is as in `before`: the kernel frees what nobody holds any more in its own time. */
export async function expectState(world: World, before: KernelState, options?: LookOptions): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const now = await kernelState(world, options);
    if (isDeepStrictEqual(now, before)) return;
    if (Date.now() > deadline) deepStrictEqual(now, before);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** `before` and `after` differ in exactly these sections. */
export function changedSections(before: KernelState, after: KernelState): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const text = (state: KernelState, name: string) => (state[name] ?? []).join("\n");
  return [...names].filter((name) => text(before, name) !== text(after, name)).sort();
}

function namespacesOf(world: World, hosts: LookOptions["hosts"]): Namespace[] {
  const names = readdirSync("/run/netns").filter((name) =>
    hosts === undefined
      ? name.startsWith(`${world.name}-`)
      : hosts.map((host) => world.netns(host)).includes(name),
  );
  return names.sort().map((name) => {
    const path = join("/run/netns", name);
    return inNamespace(path, () => ({ name, ...readNetns(), tcx: tcxPrograms() }));
  });
}

/** Runs `action`, which must not wait for anything, in a network namespace. */
function inNamespace<T>(path: string, action: () => T): T {
  const home = openSync("/proc/thread-self/ns/net", "r");
  const there = openSync(path, "r");
  try {
    setns(there, "NEWNET");
    return action();
  } finally {
    setns(home, "NEWNET");
    closeSync(there);
    closeSync(home);
  }
}

/** The bpftool of Debian 12 does not know tcx. Interfaces made by a world have small indexes. */
function tcxPrograms(): string[] {
  const found: string[] = [];
  for (let ifindex = 1; ifindex <= 32; ifindex++) {
    for (const direction of ["ingress", "egress"] as const) {
      const [flags, ids, count] = [new Uint32Array(1), new Uint32Array(64), Uint32Array.of(64)];
      const { value } = ATTACH_TYPE[`tcx_${direction}`];
      if (libbpf().bpf_prog_query(ifindex, value, 0, flags, ids, count) !== 0 || count[0] === 0) continue;
      found.push(`${ifindex} ${direction}: programs ${ids.subarray(0, count[0])}`);
    }
  }
  return found;
}

interface BpfThing {
  readonly id: number;
  readonly name?: string;
  readonly prog_id?: number;
  readonly cgroup_id?: number;
  readonly netns_ino?: number;
  readonly map_ids?: readonly number[];
  readonly type?: string | number;
  readonly attach_type?: string;
}

/** It fails where something that it has begun to list is gone meanwhile: there are other tests on this machine. */
async function bpftool(...args: readonly string[]): Promise<BpfThing[]> {
  for (let attempt = 1; ; attempt++) {
    const { failed, stdout, stderr } = await execa("bpftool", ["-j", ...args], { reject: false });
    if (!failed) return stdout === "" ? [] : JSON.parse(stdout);
    if (attempt === 10) throw new Error(`bpftool ${args.join(" ")} failed: ${stderr}${stdout}`);
  }
}

async function lookAtBpf(world: World, namespaces: readonly Namespace[]): Promise<KernelState> {
  const [links, programs, maps, tree] = await Promise.all([
    bpftool("link", "show"),
    bpftool("prog", "show"),
    bpftool("map", "show"),
    world.cgroup === "" ? { stdout: "" } : execa("bpftool", ["-j", "cgroup", "tree", world.cgroup]),
  ]);
  const ours = new Set(maps.filter((map) => isOfWorld(map, namespaces)).map(({ id }) => id));
  const ourPrograms = programs.filter(({ map_ids = [] }) => map_ids.some((id) => ours.has(id)));
  for (const { map_ids = [] } of ourPrograms) for (const id of map_ids) ours.add(id);
  const programIds = new Set(ourPrograms.map(({ id }) => id));
  const cgroups = new Set(world.cgroup === "" ? [] : cgroupIds(world.cgroup));
  const inodes = new Set(namespaces.map(({ inode }) => inode));
  const isOurs = ({ cgroup_id = -1, netns_ino = -1, prog_id = -1 }: BpfThing) =>
    cgroups.has(cgroup_id) || inodes.has(netns_ino) || programIds.has(prog_id);
  const attached: { cgroup: string; programs: BpfThing[] }[] = JSON.parse(tree.stdout || "[]");
  return {
    links: sorted(
      links
        .filter(isOurs)
        .map(({ id, type, prog_id, attach_type }) => `${id}: ${type} ${attach_type} program ${prog_id}`),
    ),
    programs: sorted(ourPrograms.map(({ id, name }) => `${id}: ${name}`)),
    maps: sorted(maps.filter(({ id }) => ours.has(id)).map(({ id, name }) => `${id}: ${name}`)),
    "cgroup programs": sorted(
      attached.flatMap(({ cgroup, programs: there }) =>
        there.map(({ id, attach_type, name }) => `${cgroup}: ${attach_type} ${id} ${name}`),
      ),
    ),
  };
}

/** What an installation is recognized by: its constants hold the namespace's cookie, its record the inode. */
function isOfWorld({ id, name = "" }: BpfThing, namespaces: readonly Namespace[]): boolean {
  if (!name.endsWith(".rodata") && name !== "tp_record") return false;
  using map = BpfMap.byId(id);
  const value = Buffer.from(map?.lookup(new Uint8Array(4)) ?? []);
  if (value.length < 8) return false;
  if (name === "tp_record") {
    return namespaces.some(({ inode }) => value.includes(`"netnsInode":${inode},`));
  }
  return namespaces.some(({ cookie }) => value.readBigUInt64LE(0) === cookie);
}

/** The kernel's id of a cgroup is its directory's inode number. */
function cgroupIds(path: string): number[] {
  const below = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [statSync(path).ino, ...below.flatMap(({ name }) => cgroupIds(join(path, name)))];
}

/** One line of the script for each section: a process is dear, and this is done often. */
const LOOK = {
  addresses: "ip -oneline address show",
  routes: "ip -4 route show table all; ip -6 route show table all",
  "routing rules": "ip -4 rule show; ip -6 rule show",
  // Some can only be written to.
  settings: "cd /proc/sys/net; grep -s '' ipv[46]/conf/*/* ipv4/ip_forward || true",
  qdiscs: "tc qdisc show",
  filters:
    "for device in $(ip -oneline link show | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); do" +
    ' for at in ingress egress; do tc filter show dev $device $at | sed "s/^/$device $at: /"; done; done',
  iptables: `${iptablesRules("ip")}; ${iptablesRules("ip6")}`,
  // Also what iptables does not show: which of the chains with a hook are there. Without counters.
  nft: "nft --stateless list ruleset",
} as const;

/**
 * Of both modes. Naming a legacy table makes the kernel create it, and there it stays, empty: so only those that are
 * there are named, and of them shown what somebody put there.
 */
function iptablesRules(family: "ip" | "ip6"): string {
  const somebodys = String.raw`grep -v '^\*\|^COMMIT\|^:[A-Z]* ACCEPT ' | sed 's/ \[[0-9]*:[0-9]*\]$//'`;
  return (
    `${family}tables-nft-save | sed 's/^/nft ${family}: /'; ` +
    `for table in $(cat /proc/self/net/${family}_tables_names); do ${family}tables-legacy-save -t $table | ` +
    `${somebodys} | sed "s/^/legacy ${family} $table: /"; done`
  );
}

async function lookAtNamespace({ name, tcx }: Namespace): Promise<KernelState> {
  const script = Object.values(LOOK).join("; echo '== next section'; ");
  const { stdout } = await execa("nsenter", [`--net=/run/netns/${name}`, "sh", "-e", "-c", script]);
  const sections = stdout.split("== next section").map(linesOf);
  const found = Object.keys(LOOK).map((section, index) => [`${name}: ${section}`, sections[index] ?? []]);
  return { [`${name}: tcx`]: tcx, ...Object.fromEntries(found) };
}

/** Without comments (iptables-save: the time), and without what comes late and by itself: link-local addresses. */
function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => !/^((nft|legacy) .*: )?(#|$)|\bfe80::|\bff00::/.test(line));
}

function lookAtFiles(world: World, namespaces: readonly Namespace[], { mountsOf }: LookOptions): KernelState {
  const mountinfo = readFileSync(`/proc/${mountsOf ?? "self"}/mountinfo`, "utf8").split("\n");
  const isOurs = (line: string) => {
    const mountPoint = line.split(" ")[4] ?? "";
    if (mountPoint === world.bpffs || mountPoint.startsWith(`${world.bpffs}/`)) return true;
    return mountsOf !== undefined && /^\/run\b/.test(mountPoint) && !mountPoint.startsWith("/run/netns");
  };
  const files = namespaces.flatMap(({ inode }) =>
    [
      `net-${inode}.lock`,
      ...[`iptables-${inode}.json`, `confirm-${inode}.json`].flatMap((name) => [name, `${name}.new`]),
      `confirm-${inode}.log`,
    ].map((name) => join("/run/tproxyctl", name)),
  );
  return {
    cgroups: (world.cgroup === "" ? [] : filesBelow(world.cgroup)).filter((name) =>
      name.endsWith("cgroup.procs"),
    ),
    etc: withTimes(`/proc/${mountsOf ?? "self"}/root/etc`),
    pins: filesBelow(world.bpffs),
    mounts: sorted(mountinfo.filter(isOurs)),
    run:
      mountsOf === undefined
        ? files.filter((path) => existsSync(path))
        : filesBelow(`/proc/${mountsOf}/root/run`),
  };
}

/** Also what was written to again. */
function withTimes(directory: string): string[] {
  return filesBelow(directory).map((name) => `${name} ${lstatSync(join(directory, name)).mtimeMs}`);
}

function filesBelow(directory: string): string[] {
  return sorted(readdirSync(directory, { recursive: true, encoding: "utf8" }));
}

function sorted(lines: readonly string[]): string[] {
  return [...lines].sort();
}
