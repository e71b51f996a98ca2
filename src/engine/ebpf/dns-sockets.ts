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
import type { Redirection, SocketMemory } from "./dns-memory.ts";
import { redirectsDns } from "./encode-dns.ts";

/*
 * Whether a connected UDP socket is redirected is decided when it is connected. Where the plan says something else later,
 * it would ask the wrong one as long as it lives: its connection is taken from it. Of a socket that is not connected each
 * datagram is decided anew: it needs nothing.
 *
 * Who was redirected, the socket's storage knows: an application may have connected to the DNS proxy by itself. To read it
 * takes the socket (Linux 5.6, CAP_SYS_PTRACE); who cannot be looked into is taken for redirected
 * where it is in the cgroup of which that was done.
 */

const DNS_PORT = 53;

/**
 * To be called when nothing is connected any more by the installation before.
 *
 * @param cgroup that of the installation
 * @param previous the memory of the one before
 * @returns what the user should know, one sentence each
 */
export function correctDnsSockets(plan: Plan, cgroup: string, previous?: SocketMemory): string[] {
  if (previous !== undefined && !previous.inherited)
    return [...releaseDnsSockets(previous), ...correctDnsSockets(plan, cgroup)];
  const isInside = insideOf(cgroup);
  const wrong = findPlaces(redirectsDns(plan) ? [DNS_PORT] : [], previous).filter((place) => {
    const wanted = isInside(place.socket) ? wantedPort(plan, place) : undefined;
    return place.redirectedTo !== wanted && !isBypass(plan, place);
  });
  return disconnectSockets(wrong.map(({ socket }) => socket));
}

/** To be called when nothing is redirected any more: those that were have nobody to answer them. */
export function releaseDnsSockets(memory: SocketMemory): string[] {
  const redirected = findPlaces([], memory).filter(({ redirectedTo }) => redirectedTo !== undefined);
  return disconnectSockets(redirected.map(({ socket }) => socket));
}

/** It may have been connected while the DNS proxy did not listen. */
function isBypass({ whenProxyDown }: Plan, { redirectedTo }: Place): boolean {
  return whenProxyDown === "bypass" && redirectedTo === undefined;
}

interface Place {
  readonly socket: UdpSocket;
  /** Whom the application asks; undefined where nobody can tell. */
  readonly server: Endpoint | undefined;
  /** The port at localhost; undefined: the socket asks the server itself. */
  readonly redirectedTo: number | undefined;
}

/** Sockets that ask one of the ports, or one that queries were redirected to. */
function findPlaces(ports: readonly number[], memory?: SocketMemory): Place[] {
  const redirections = memory?.redirections ?? [];
  const all = new Set([...ports, ...redirections.map(({ port }) => port)]);
  const found = [...all].flatMap((port) => readConnectedUdp(port));
  const suspects = new Set(
    found.filter(
      ({ remote }) =>
        redirections.some(({ port }) => port === remote.port) && isLoopback(unmapAddress(remote.address)),
    ),
  );
  const owners = findSocketOwners([...suspects]);
  const canBe = redirectableBy(redirections);
  return found.map((socket) => {
    const direct = { socket, server: socket.remote, redirectedTo: undefined };
    if (memory === undefined || !suspects.has(socket)) return direct;
    const place = recall(socket, memory.sockets, owners.get(socket.inode)) ?? direct;
    return place.server !== undefined || canBe(socket) ? place : direct;
  });
}

/** Whether a socket that asks a port is where it can have been redirected to it. */
function redirectableBy(redirections: readonly Redirection[]): (socket: UdpSocket) => boolean {
  const each = redirections.map(({ port, cgroup }) => ({ port, isInside: insideOf(cgroup) }));
  return (socket) => each.some(({ port, isInside }) => port === socket.remote.port && isInside(socket));
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
