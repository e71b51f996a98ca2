// All that tproxyctl may leave in the namespace that this process is in, taken in some milliseconds.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BpfLink, type LinkInfo } from "../../../src/bpf/link.ts";
import { BpfMap } from "../../../src/bpf/map.ts";
import { BpfProgram } from "../../../src/bpf/program.ts";
import { attachedPrograms } from "../../../src/bpf/query.ts";
import { readNetns } from "../../../src/engine/netns.ts";
import { Library } from "../../../src/native/library.ts";
import { dumpRoute, NetlinkSocket } from "../../../src/native/netlink.ts";
import { readAttributes } from "../../../src/native/netlink-attributes.ts";
import { readLinks } from "../../../src/native/rtnetlink.ts";

/** Where to look besides. */
export interface Look {
  readonly cgroup: string;
  readonly bpffs: string;
  /** Maps with a smaller id were there before this world. */
  readonly firstMap: number;
}

/** One line each, in an order that can be compared. */
export interface Fingerprint {
  /** Who is at a hook: a pin of which directory holds the program that is there. */
  readonly hooks: readonly string[];
  readonly rules: readonly string[];
  /** Of lo. */
  readonly addresses: readonly string[];
  readonly maps: readonly string[];
  readonly qdiscs: readonly string[];
  readonly mounts: readonly string[];
  readonly files: readonly string[];
}

/** Whoever runs iptables-legacy makes it, and nobody removes it. */
const XTABLES_LOCK = "/run/xtables.lock";

export function fingerprint(look: Look): Fingerprint {
  const files = [...filesBelow("/run"), ...filesBelow(look.bpffs)].filter((path) => path !== XTABLES_LOCK);
  const owners = ownersOf(files);
  const nameOf = (program: number) => owners.get(program) ?? "no pin";
  return {
    hooks: [...links(look.cgroup), ...filters(), ...tcx()]
      .map(([hook, id]) => `${hook}: ${nameOf(id)}`)
      .sort(),
    rules: rules(),
    addresses: readFileSync("/proc/self/net/if_inet6", "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("fe80")),
    maps: mapsOfNamespace(look.firstMap),
    qdiscs: qdiscs(),
    mounts: mounts(look.bpffs),
    files: [...files, ...filesBelow("/etc/systemd")],
  };
}

/** Chains that are empty, and an address of lo, do nothing. */
export function intercepting({ hooks, rules }: Fingerprint): Pick<Fingerprint, "hooks" | "rules"> {
  return { hooks, rules: rules.filter((rule) => !rule.startsWith("table ")) };
}

/** Without the numbers that the kernel gave them. Of other tests some come and go, in /tmp and in /run/netns. */
function mounts(bpffs: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const isOthers = (point: string) => /^\/(tmp|run\/netns)\//.test(point) && point !== bpffs;
  return lines
    .map((line) => line.split(" ").slice(3).join(" "))
    .filter((line) => !isOthers(line.split(" ")[1] ?? ""));
}

/** The program's id → "netns-12-1/program-x", by the pins. */
function ownersOf(files: readonly string[]): Map<number, string> {
  const owners = new Map<number, string>();
  for (const path of files.filter((each) => each.includes("/program-"))) {
    using program = BpfProgram.open(path);
    owners.set(program.info().id, path.split("/").slice(-2).join("/"));
  }
  return owners;
}

type Hook = readonly [where: string, program: number];

function links(cgroup: string): Hook[] {
  const [id, { inode }] = [BigInt(statSync(cgroup).ino), readNetns()];
  const isHere = ({ target }: LinkInfo) =>
    (target.kind === "cgroup" && target.cgroupId === id) ||
    (target.kind === "netns" && target.inode === inode);
  const found: Hook[] = [];
  for (const link of BpfLink.all()) {
    using each = link;
    const info = each.info();
    if (isHere(info)) found.push([`${info.target.kind} ${info.attachType}`, info.programId]);
  }
  return found;
}

function interfaces(): number[] {
  using netlink = new NetlinkSocket("route");
  return readLinks(netlink).map(({ index }) => index);
}

function tcx(): Hook[] {
  return interfaces().flatMap((index) =>
    attachedPrograms(index, "tcx_ingress").map((program) => [`tcx ${index}`, program] as const),
  );
}

const [RTM_GETQDISC, RTM_GETTFILTER] = [38, 46];
const TCMSG_SIZE = 20;
const CLSACT_INGRESS = 0xff_ff_ff_f2;
const TCA = { kind: 1, options: 2, bpfId: 11 } as const;

function filters(): Hook[] {
  return interfaces().flatMap((index) => {
    const request = Buffer.alloc(TCMSG_SIZE);
    request.writeInt32LE(index, 4);
    request.writeUInt32LE(CLSACT_INGRESS, 12);
    return dumpRoute(RTM_GETTFILTER, request).flatMap((message) => {
      const options = readAttributes(message.subarray(TCMSG_SIZE)).get(TCA.options);
      const id = options && readAttributes(options).get(TCA.bpfId);
      const where = `filter ${index} handle ${message.readUInt32LE(8)} info ${message.readUInt32LE(16)}`;
      return id === undefined ? [] : [[where, id.readUInt32LE(0)] as const];
    });
  });
}

function qdiscs(): string[] {
  return dumpRoute(RTM_GETQDISC, Buffer.alloc(TCMSG_SIZE)).map((message) => {
    const kind = readAttributes(message.subarray(TCMSG_SIZE)).get(TCA.kind)?.toString() ?? "";
    return `${message.readInt32LE(4)} ${message.readUInt32LE(8)} ${message.readUInt32LE(12)} ${kind}`;
  });
}

/** Of both modes, in the kernel's order within each table. */
function rules(): string[] {
  const nft = nftChains();
  return [...nft, ...["ip", "ip6"].flatMap((family) => [...nftRules(family, nft), ...legacyRules(family)])];
}

/** Also what iptables does not show: which of the chains with a hook are there. */
function nftChains(): string[] {
  let table = "";
  const chains: string[] = [];
  for (const line of output("nft", "--stateless", "list", "ruleset")) {
    if (line.startsWith("table ")) table = line.replace(" {", "");
    const [, chain] = /^\s+(chain \S+)/.exec(line) ?? [];
    if (chain !== undefined) chains.push(`${table} ${chain}`);
  }
  return chains.sort();
}

function nftRules(family: string, chains: readonly string[]): string[] {
  if (!chains.some((chain) => chain.startsWith(`table ${family} `))) return [];
  return saved(`${family}tables-nft-save`);
}

/** Of tables that are there: asking for another would make it. Empty tables stay, as they do whoever asked. */
function legacyRules(family: string): string[] {
  const tables = readFileSync(`/proc/self/net/${family}_tables_names`, "utf8");
  return tables === "" ? [] : saved(`${family}tables-legacy-save`);
}

/** The tables come in the order in which somebody made them. */
function saved(program: string): string[] {
  let table = "";
  const found: string[] = [];
  for (const line of output(program)) {
    if (line.startsWith("*")) table = line.slice(1);
    if (/^-|^:\S+ -/.test(line)) found.push(`${program} ${table} ${line.replace(/ \[\d+:\d+\]$/, "")}`);
  }
  const tableOf = (line: string) => line.split(" ")[1] ?? "";
  return found.sort((a, b) => tableOf(a).localeCompare(tableOf(b)));
}

function output(program: string, ...args: readonly string[]): string[] {
  const stdio = ["ignore", "pipe", "ignore"] as const;
  return execFileSync(program, args, { encoding: "utf8", stdio: [...stdio] }).split("\n");
}

/** Of the constants and the records that name this namespace: programs that nobody holds any more are gone with them. */
function mapsOfNamespace(firstMap: number): string[] {
  const { inode, cookie = -1n } = readNetns();
  return mapsFrom(firstMap).flatMap((id) => {
    using map = BpfMap.byId(id);
    const name = map?.info.name ?? "";
    if (map === undefined || (!name.endsWith(".rodata") && name !== "tp_record")) return [];
    const value = Buffer.from(map.lookup(new Uint8Array(4)) ?? []);
    const isHere =
      name === "tp_record"
        ? value.includes(`"netnsInode":${inode},`)
        : value.length >= 8 && value.readBigUInt64LE(0) === cookie;
    return isHere ? [`${name}`] : [];
  });
}

const nextMap = new Library({ name: "libbpf.so.1", code: "LIBBPF_UNUSABLE", hint: "" }).func<
  (start: number, next: Uint32Array) => number
>("int bpf_map_get_next_id(uint32_t start_id, void *next_id)");

function mapsFrom(first: number): number[] {
  const next = Uint32Array.of(first);
  const ids: number[] = [];
  while (nextMap(next[0] ?? 0, next) === 0) ids.push(next[0] ?? 0);
  return ids;
}

function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return entries.map((name) => join(directory, name)).sort();
}

/** Each installation has pins of another name: which is which is kept. */
export function withoutNumbers(state: Fingerprint): Fingerprint {
  const names: string[] = [];
  const rename = (line: string) =>
    line.replace(/(netns|staging)-\d+-\d+/g, (name, kind: string) => {
      if (!names.includes(name)) names.push(name);
      return `${kind}-${names.indexOf(name)}`;
    });
  const renamed = Object.entries(state).map(([section, lines]: [string, string[]]) => [
    section,
    lines.map(rename),
  ]);
  return Object.fromEntries(renamed);
}
