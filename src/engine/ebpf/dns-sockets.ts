// SPDX-License-Identifier: Apache-2.0
import { U32 } from "../../bpf/codec.ts";
import { structCodec } from "../../bpf/layout.ts";
import { TP_ROLE, TP_SOCKET } from "../../bpf/layouts.gen.ts";
import type { BpfMap } from "../../bpf/map.ts";
import { type Address, isLoopback, sameAddress, unmapAddress } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import { cgroupIds, isInCgroup } from "../../host/cgroups.ts";
import { findSocketOwners, type SocketOwner, takeSocket } from "../../host/socket-owner.ts";
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
 * Who was redirected, the socket's storage knows: an application may have connected to the DNS proxy by itself. To read it
 * takes the socket (Linux 5.6, CAP_SYS_PTRACE); who cannot be looked into is taken for redirected.
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
  const places = findPlaces(ports, { sockets, port: previous?.port });
  const isInside = insideOf(cgroup);
  const wrong = places.filter(
    (place) => place.redirectedTo !== (isInside(place.socket) ? wantedPort(plan, place) : undefined),
  );
  return disconnectSockets(wrong.map(({ socket }) => socket));
}

/** To be called when nothing is redirected any more: those that were have nobody to answer them. */
export function releaseDnsSockets(memory: SocketMemory): string[] {
  const places = findPlaces(new Set(knownPort(memory)), memory);
  const redirected = places.filter(({ redirectedTo }) => redirectedTo !== undefined);
  return disconnectSockets(redirected.map(({ socket }) => socket));
}

function knownPort(memory: SocketMemory | undefined): number[] {
  return memory?.port === undefined ? [] : [memory.port];
}

interface Place {
  readonly socket: UdpSocket;
  /** Whom the application asks; undefined where nobody can tell. */
  readonly server: Endpoint | undefined;
  /** The port at localhost; undefined: the socket asks the server itself. */
  readonly redirectedTo: number | undefined;
}

function findPlaces(
  ports: ReadonlySet<number>,
  { sockets, port }: Pick<SocketMemory, "sockets" | "port">,
): Place[] {
  const found = [...ports].flatMap((each) => readConnectedUdp(each));
  const isSuspect = ({ remote }: UdpSocket) =>
    (remote.port === port || port === 0) && isLoopback(unmapAddress(remote.address));
  const owners = findSocketOwners(found.filter(isSuspect));
  return found.map((socket) => {
    const direct = { socket, server: socket.remote, redirectedTo: undefined };
    return isSuspect(socket) ? (recall(socket, sockets, owners.get(socket.inode)) ?? direct) : direct;
  });
}

const SOCKET = structCodec(TP_SOCKET);

/** Undefined where the socket was not redirected. */
function recall(socket: UdpSocket, sockets: BpfMap, owner: SocketOwner | undefined): Place | undefined {
  const { address, port } = socket.remote;
  const unknown = { socket, server: undefined, redirectedTo: port };
  const taken = owner && tryTake(owner);
  if (taken === undefined) return unknown;
  using descriptor = taken;
  const value = sockets.lookup(U32.encode(descriptor.fd));
  if (value === undefined) return undefined;
  if (value.length !== TP_SOCKET.size) return unknown; // another version's
  const { role, proxy, original } = SOCKET.decode(value);
  const isSame = proxy.port === port && sameAddress(toAddress(proxy.addr), unmapAddress(address));
  if (role !== TP_ROLE.TP_ROLE_CLIENT || !isSame) return undefined;
  return {
    socket,
    server: { address: toAddress(original.addr), port: original.port },
    redirectedTo: port,
  };
}

/** Undefined where it has gone, or we may not. */
function tryTake(owner: SocketOwner): ReturnType<typeof takeSocket> | undefined {
  try {
    return takeSocket(owner);
  } catch (error) {
    if (error instanceof TproxyError) return undefined;
    throw error;
  }
}

function toAddress(bytes: Uint8Array): Address {
  return unmapAddress({ family: 6, bytes });
}

/** The rule of the plan, for whoever made the socket. */
function wantedPort(plan: Plan, { server, socket: { uid } }: Place): number | undefined {
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
