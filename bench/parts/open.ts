// Many connections open at the same time: whether they can be, and the kernel's memory for each.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Running, TPNET, type World } from "../../test/support/world.ts";
import {
  type Candidate,
  DIRECT,
  EBPF,
  EBPF_TC,
  IPTABLES_NFT,
  install,
  isIntercepting,
} from "../candidates.ts";
import { extentOf, type Part, type PartRun } from "../part.ts";
import {
  APPLICATION,
  differs,
  PROXY,
  REMOTE,
  ROUTES_IPV4,
  type Route,
  SERVER_PORT,
  withWorlds,
} from "../scene.ts";
import { shuffled } from "../statistics.ts";

export const open: Part = {
  name: "open connections",
  about:
    "Connections that are opened as fast as two processors can and then held, all at the same time, by several processes at both ends. Each is checked: intercepted ones must know where they were going. Memory is what the kernel's slabs grow by from before the first to when all are open, both ends of each connection and all tables included. With iptables one client address can have no more connections than it has ephemeral ports (28 232), since all are sent to the same address and port: it is measured as far as 20 000.",
  needs: ["conntrack"],
  rounds: { full: 11, quick: 2 },
  roundMs: { full: 60_000, quick: 8000 },
  measure,
};

const HOSTS = ["service", "remote"] as const;
const SIZES = { full: [20_000, 100_000], quick: [10_000] } as const;
/** iptables sends all to one address and port: a client's address has no more connections there than ephemeral ports. */
const IPTABLES_MOST = 20_000;
/** A process may have 20 000 files. */
const MOST_OF_A_PROCESS = 16_000;
/** Where connections are tracked, legacy is what nft is. */
const CANDIDATES: readonly Candidate[] = [DIRECT, IPTABLES_NFT, EBPF, EBPF_TC];

/** More than one address: one has no more connections from another than there are ephemeral ports. */
const NETS = { outbound: "10.99.0.0/16", inbound: "10.98.0.0/16" } as const;

interface Case {
  readonly candidate: Candidate;
  readonly route: Route;
  readonly count: number;
}

async function measure(run: PartRun): Promise<void> {
  const cases = ROUTES_IPV4.flatMap((route) =>
    CANDIDATES.filter((candidate) => differs(candidate, route)).flatMap((candidate) =>
      extentOf<readonly number[]>(SIZES, run)
        .filter((count) => candidate !== IPTABLES_NFT || count <= IPTABLES_MOST)
        .map((count) => ({ candidate, route, count })),
    ),
  );
  await withWorlds(CANDIDATES, prepare, async (worldOf) => {
    await run.repeat(async () => {
      for (const each of shuffled(cases)) await measureCase(run, worldOf(each.candidate), each);
    });
  });
}

/** A connection is gone when it is closed: nothing of one case is left in the next one. */
const FORGET = ["sysctl", "net.ipv4.tcp_max_tw_buckets=0"] as const;
const FORGET_TRACKED = ["conntrack", "--flush"] as const;
/** Listeners may be left at the end of a case, and sockets of nobody's interest. */
const QUIET = 500;

async function prepare(world: World, candidate: Candidate): Promise<void> {
  await world.ip("remote", "route", "add", "local", NETS.outbound, "dev", "lo");
  await world.ip("service", "route", "add", "local", NETS.inbound, "dev", "lo");
  await world.ip("service", "route", "add", NETS.outbound, "via", "10.66.0.2");
  for (let server = 0; server < processesFor(100_000); server++) {
    const flags = ["--reuseport", "1"];
    await world.serve([`0.0.0.0:${SERVER_PORT}`], { ...REMOTE, flags });
    await world.serve([`0.0.0.0:${SERVER_PORT}`], { ...APPLICATION, flags });
    await world.startProxy({ ...PROXY, flags });
  }
  await install(world, candidate);
  for (const host of HOSTS) await must(world, host, FORGET);
}

async function must(world: World, host: string, command: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await world.run(command, { host, cgroup: false });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${stderr}`);
  return stdout;
}

function processesFor(count: number): number {
  return Math.ceil(count / MOST_OF_A_PROCESS) + 1;
}

async function measureCase(run: PartRun, world: World, { candidate, route, count }: Case): Promise<void> {
  const processes = processesFor(count);
  const before = slabBytes();
  const started = performance.now();
  const holders: Running[] = [];
  try {
    const share = Math.ceil(count / processes);
    for (let left = count; left > 0; left -= share) holders.push(hold(world, route, Math.min(share, left)));
    for (const holder of holders) await checkOpen(holder, isIntercepting(candidate));
    const seconds = (performance.now() - started) / 1000;
    const kib = (slabBytes() - before) / count / 1024;
    const what = { scenario: route.name, candidate: candidate.name, x: count };
    run.record({ ...what, quantity: "memory of a connection", unit: "KiB" }, [kib]);
    run.record({ ...what, quantity: "opened a second", unit: "1/s" }, [count / seconds]);
  } finally {
    for (const holder of holders) holder.child.stdin?.end();
    for (const holder of holders) await holder.stop();
  }
  await untilClosed(world);
  if (candidate === IPTABLES_NFT) await must(world, "service", FORGET_TRACKED);
}

/** Sockets end some time after their processes. */
async function untilClosed(world: World): Promise<void> {
  for (const deadline = Date.now() + 120_000; ; await sleep(100)) {
    const counts = await Promise.all(HOSTS.map((host) => openIn(world, host)));
    if (counts.every((count) => count < QUIET)) return;
    if (Date.now() > deadline) throw new Error(`connections do not end: ${counts.join(" and ")} are left`);
  }
}

async function openIn(world: World, host: string): Promise<number> {
  const text = await must(world, host, ["cat", "/proc/net/sockstat"]);
  return Number(/^TCP: inuse (\d+)/m.exec(text)?.[1]);
}

function hold(world: World, { client, direction }: Route, count: number): Running {
  const port = `${SERVER_PORT}-${SERVER_PORT}`;
  const where = ["--to-net", NETS[direction], "--ports", port];
  const how = ["--count", String(count), "--parallel", "200", "--hold", "--timeout", "60000"];
  const seed = ["--seed", String(1 + Math.floor(Math.random() * 1e9))];
  return world.begin([TPNET, "flood", ...where, ...how, ...seed], client);
}

interface Held {
  readonly open: number;
  readonly count: number;
  readonly right: number;
}

/** The kernel may be asked for more than it has; figures of fewer than they say are worse than none. */
async function checkOpen(holder: Running, intercepted: boolean): Promise<void> {
  const line = await holder.waitFor((each) => each.startsWith('{"open"'), 180_000);
  const { open, count, right } = JSON.parse(line) as Held;
  // Of those that nobody intercepted no server knows where they were going otherwise.
  if (open !== count || right !== (intercepted ? count : 0))
    throw new Error(`connections are missing: ${line}`);
}

/** What the kernel needs for its own objects, sockets and what belongs to them among them. */
function slabBytes(): number {
  const kib = /^Slab: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  if (kib === undefined) throw new Error("/proc/meminfo does not say how much memory the slabs take");
  return Number(kib) * 1024;
}
