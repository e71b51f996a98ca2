// SPDX-License-Identifier: Apache-2.0
import { type Address, formatEndpoint, isLoopback, prefixKey, unmapAddress } from "../core/address.ts";
import type { InterfaceFact } from "../core/facts.ts";
import { cgroupIds } from "../host/cgroups.ts";
import { readNetwork } from "../host/interfaces.ts";
import { findSocketOwners } from "../host/socket-owner.ts";
import { type Endpoint, readTcpSockets, TCP_STATE, type TcpSocket } from "../host/tcp-sockets.ts";
import { decide } from "../plan/decide.ts";
import type { Plan } from "../plan/plan.ts";
import { type Finding, finding } from "./finding.ts";
import { PrefixSet } from "./prefix-set.ts";

/*
 * Connections that the plan redirects, and that are not redirected: they were made before the installation, or in a moment
 * in which it did not work. The kernel does not tell how old a connection is, but where it leads: what is redirected ends
 * at the proxy.
 */

export interface OldConnections {
  readonly count: number;
  /** The processes that hold them, those with the most first. What nobody is seen to hold is in `count` alone. */
  readonly processes: readonly HoldingProcess[];
}

export interface HoldingProcess {
  readonly pid: number;
  readonly command: string;
  readonly connections: number;
}

export interface Interception {
  readonly plan: Plan;
  readonly engine: "ebpf" | "iptables";
  /** Outbound connections are intercepted in this cgroup alone; undefined: wherever they are made. */
  readonly cgroup: string | undefined;
}

const STATES: ReadonlySet<number> = new Set([TCP_STATE.established, TCP_STATE.listen]);

/** The connections of this network namespace as they are now. */
export function findOldConnections(interception: Interception): OldConnections {
  const { interfaces } = readNetwork();
  const old = selectOld(readTcpSockets(STATES), interception, interfaces);
  const owners = findSocketOwners(old);
  const byProcess = Map.groupBy(owners.values(), ({ pid }) => pid);
  const processes = [...byProcess].map(([pid, sockets]) => ({
    pid,
    command: sockets[0]?.command ?? "",
    connections: sockets.length,
  }));
  return { count: old.length, processes: processes.toSorted((a, b) => b.connections - a.connections) };
}

/** Those of the sockets that belong to a connection which the plan redirects, and that is not. */
export function selectOld(
  sockets: readonly TcpSocket[],
  { plan, engine, cgroup }: Interception,
  interfaces: readonly InterfaceFact[],
): TcpSocket[] {
  const listening = new Set(
    sockets.filter(({ state }) => state === TCP_STATE.listen).map((each) => each.local.port),
  );
  const inCgroup = insideOf(cgroup);
  const judge = new Judge(plan, interfaces);
  // NAT does not show at the application's end: the proxy's other end does.
  const redirected = engine === "iptables" ? clientsOf(sockets, plan) : new Set<string>();
  return sockets.filter((socket) => {
    const { state, local, remote, uid, inode } = socket;
    if (state !== TCP_STATE.established || inode === 0 || uid === plan.proxyUser.uid) return false;
    if (isLoopback(unmapAddress(remote.address))) return false;
    if (listening.has(local.port)) return judge.redirectsInbound(remote, local);
    if (!judge.redirectsOutbound(uid, local, remote) || !inCgroup(socket)) return false;
    return !redirected.has(textOf(local));
  });
}

function clientsOf(sockets: readonly TcpSocket[], { outbound }: Plan): Set<string> {
  const ends = sockets.filter(
    ({ state, local }) => state !== TCP_STATE.listen && local.port === outbound.port,
  );
  return new Set(ends.map(({ remote }) => textOf(remote)));
}

/** Cheaper than a text: it is asked for each of many connections. */
function keyOf(address: Address): string | number {
  return prefixKey({ address, length: address.bytes.length * 8 });
}

function textOf({ address, port }: Endpoint): string {
  return formatEndpoint(unmapAddress(address), port);
}

/** Asks the plan, once for what is the same, and for lists of any length. */
class Judge {
  readonly #plan: Plan;
  readonly #interfaces: readonly InterfaceFact[];
  readonly #excluded: { readonly outbound: PrefixSet; readonly inbound: PrefixSet };
  readonly #known = new Map<string, boolean>();

  constructor(plan: Plan, interfaces: readonly InterfaceFact[]) {
    const { outbound, inbound } = plan;
    this.#excluded = {
      outbound: new PrefixSet(outbound.excludedAddresses),
      inbound: new PrefixSet(inbound.excludedAddresses),
    };
    this.#plan = {
      ...plan,
      outbound: { ...outbound, excludedAddresses: [] },
      inbound: { ...inbound, excludedAddresses: [] },
    };
    this.#interfaces = interfaces;
  }

  redirectsOutbound(uid: number, local: Endpoint, { address, port }: Endpoint): boolean {
    return this.#once(`${uid} ${keyOf(address)} ${port}`, () => {
      const to = unmapAddress(address);
      if (this.#excluded.outbound.has(to)) return false;
      return decide(this.#plan, { kind: "outbound", uid, from: local.address, to, port }).port !== undefined;
    });
  }

  redirectsInbound(remote: Endpoint, { address, port }: Endpoint): boolean {
    return this.#once(`${keyOf(remote.address)} to ${keyOf(address)} ${port}`, () => {
      const [from, to] = [unmapAddress(remote.address), unmapAddress(address)];
      if (this.#excluded.inbound.has(from)) return false;
      const where = { interface: this.#interfaceOf(to), forwarded: "untouched" } as const;
      return decide(this.#plan, { kind: "inbound", from, to, port, ...where }).port !== undefined;
    });
  }

  #interfaceOf(address: Endpoint["address"]): string {
    const text = formatEndpoint(address, 0);
    const has = (each: InterfaceFact) => each.addresses.some((own) => formatEndpoint(own, 0) === text);
    return this.#interfaces.find(has)?.name ?? "";
  }

  #once(key: string, judge: () => boolean): boolean {
    const known = this.#known.get(key) ?? judge();
    this.#known.set(key, known);
    return known;
  }
}

/** Where the kernel does not tell the cgroup of a socket, nothing can be said. */
function insideOf(cgroup: string | undefined): (socket: TcpSocket) => boolean {
  if (cgroup === undefined) return () => true;
  const ids = cgroupIds(cgroup);
  return ({ cgroupId }) => ids === undefined || (cgroupId !== undefined && ids.has(cgroupId));
}

/** How many processes a line names. */
const SHOWN = 5;

export function oldConnectionFindings({ count, processes }: OldConnections): Finding[] {
  if (count === 0) return [];
  const shown = processes
    .slice(0, SHOWN)
    .map(({ pid, command, connections }) => `${command} (process ${pid}): ${connections}`);
  const more = processes.length - shown.length;
  const by = [...shown, ...(more > 0 ? [`${more} processes more`] : [])].join(", ");
  const what = count === 1 ? "1 connection is" : `${count} connections are`;
  return [
    finding(
      "old-connections",
      `${what} not intercepted, as they were made before the installation or past it${by === "" ? "" : `: ${by}`}`,
      "restart these processes.",
    ),
  ];
}
