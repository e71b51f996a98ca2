// SPDX-License-Identifier: Apache-2.0
import { structCodec } from "../../bpf/layout.ts";
import { TP_ROLE, TP_SOCKET } from "../../bpf/layouts.gen.ts";
import type { BpfMap } from "../../bpf/map.ts";
import { isLoopback, sameAddress, unmapAddress } from "../../core/address.ts";
import { cgroupIds, isInCgroup } from "../../host/cgroups.ts";
import { findSocketOwners } from "../../host/socket-owner.ts";
import type { Endpoint } from "../../host/tcp-sockets.ts";
import { readConnectedUdp, type UdpSocket } from "../../host/udp-sockets.ts";
import { decide } from "../../plan/decide.ts";
import type { Plan } from "../../plan/plan.ts";
import { disconnectSockets } from "./disconnect-sockets.ts";
import { redirectsDns } from "./encode-dns.ts";
import type { InstanceRecord } from "./record.ts";

/*
 * Whether a connected UDP socket is redirected is decided when it is connected. Where the plan says something else later,
 * it would ask the wrong one as long as it lives: its connection is taken from it. Of a socket that is not connected each
 * datagram is decided anew: it needs nothing.
 *
 * Who was redirected, the socket's storage knows: an application may have connected to the DNS proxy by itself.
 */

const DNS_PORT = 53;

/** What an installation knows of the sockets that it redirected. */
export interface SocketMemory {
  /** `tp_sockets` */
  readonly sockets: BpfMap;
  /** The DNS proxy's port; 0: nobody wrote it down; undefined: queries were not redirected. */
  readonly port: number | undefined;
  /** Another installation goes on with it. */
  readonly inherited: boolean;
}

export function memoryOf({ plan }: InstanceRecord, sockets: BpfMap, inherited: boolean): SocketMemory {
  const port = plan?.dns.redirect === "none" ? undefined : (plan?.dns.port ?? 0);
  return { sockets, port, inherited };
}

/**
 * To be called when nothing is connected any more by the installation before.
 *
 * @param previous that one's memory
 * @returns what the user should know, one sentence each
 */
export function correctDnsSockets(
  plan: Plan,
  cgroup: string,
  sockets: BpfMap,
  previous?: SocketMemory,
): string[] {
  if (previous !== undefined && !previous.inherited)
    return [...releaseDnsSockets(previous), ...correctDnsSockets(plan, cgroup, sockets)];
  const ports = new Set([...(redirectsDns(plan) ? [DNS_PORT] : []), ...knownPort(previous)]);
  const found = [...ports].flatMap((port) => readConnectedUdp(port, sockets.fd));
  const isInside = insideOf(cgroup);
  const wrong = found.filter((socket) => {
    const place = placeOf(socket, previous?.port);
    return place.redirectedTo !== (isInside(socket) ? wantedPort(plan, place, socket.uid) : undefined);
  });
  return disconnectSockets(wrong);
}

/** To be called when nothing is redirected any more: those that were have nobody to answer them. */
export function releaseDnsSockets(memory: SocketMemory): string[] {
  const found = knownPort(memory).flatMap((port) => readConnectedUdp(port, memory.sockets.fd));
  return disconnectSockets(found.filter((socket) => placeOf(socket, memory.port).redirectedTo !== undefined));
}

function knownPort(memory: SocketMemory | undefined): number[] {
  return memory?.port === undefined ? [] : [memory.port];
}

interface Place {
  /** Whom the application asks; undefined where nobody can tell. */
  readonly server: Endpoint | undefined;
  /** The port at localhost; undefined: the socket asks the server itself. */
  readonly redirectedTo: number | undefined;
}

const SOCKET = structCodec(TP_SOCKET);

/** @param port of the DNS proxy: only where the kernel cannot tell us what is stored for a socket */
function placeOf({ remote, storage, handle }: UdpSocket, port: number | undefined): Place {
  const address = unmapAddress(remote.address);
  if (handle === undefined && remote.port === port && isLoopback(address))
    return { server: undefined, redirectedTo: port };
  const stored = storage?.length === TP_SOCKET.size ? SOCKET.decode(storage) : undefined;
  // A memory of another version cannot be read, and none but ours was asked for.
  if (storage !== undefined && stored === undefined && isLoopback(address))
    return { server: undefined, redirectedTo: remote.port };
  if (stored?.role !== TP_ROLE.TP_ROLE_CLIENT || !isSame(stored.proxy, { address, port: remote.port }))
    return { server: remote, redirectedTo: undefined };
  const { addr: bytes, port: asked } = stored.original;
  return { server: { address: { family: 6, bytes }, port: asked }, redirectedTo: remote.port };
}

function isSame(
  stored: { readonly addr: Uint8Array; readonly port: number },
  { address, port }: Endpoint,
): boolean {
  return stored.port === port && sameAddress(unmapAddress({ family: 6, bytes: stored.addr }), address);
}

/** The rule of the plan, for whoever made the socket. */
function wantedPort(plan: Plan, { server }: Place, uid: number): number | undefined {
  if (server === undefined) return redirectsDns(plan) ? plan.dns.port : undefined;
  return decide(plan, { kind: "dns", uid, to: server.address, port: server.port }).port;
}

/** Only what is in the cgroup is redirected. The kernel goes by the cgroup in which a socket was made. */
function insideOf(cgroup: string): (socket: UdpSocket) => boolean {
  let ids: ReadonlySet<bigint> | undefined | "unread" = "unread";
  return (socket) => {
    if (socket.cgroupId === undefined) return isOwnedInside(socket, cgroup);
    if (ids === "unread") ids = cgroupIds(cgroup);
    return ids === undefined || ids.has(socket.cgroupId);
  };
}

/** Before Linux 5.8, or without udp_diag. Of what nobody is seen to hold nothing can be said: it is left alone. */
function isOwnedInside(socket: UdpSocket, cgroup: string): boolean {
  const owner = findSocketOwners([socket]).get(socket.inode);
  return owner !== undefined && isInCgroup(owner.pid, cgroup);
}
