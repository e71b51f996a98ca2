// SPDX-License-Identifier: Apache-2.0

import { U32 } from "../../bpf/codec.ts";
import { type StructValue, structCodec } from "../../bpf/layout.ts";
import { TP_DIRECTION, TP_LISTENING, TP_ROLE, TP_SOCKET } from "../../bpf/layouts.gen.ts";
import type { BpfMap } from "../../bpf/map.ts";
import type { BpfObject } from "../../bpf/object.ts";
import { TypedMap } from "../../bpf/typed-map.ts";
import { formatEndpoint } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import type { ListenerFact } from "../../core/facts.ts";
import { findListeners } from "../../host/listeners.ts";
import { findSocketOwners, type SocketOwners, takeSocket } from "../../host/socket-owner.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Inheritance } from "./load.ts";

const SOCKET = structCodec(TP_SOCKET);
const LISTENING = structCodec(TP_LISTENING);

const NOWHERE = { addr: new Uint8Array(16), port: 0 };

export interface Adopted {
  readonly listeners: readonly ListenerFact[];
  readonly owners: SocketOwners;
}

/**
 * Makes the sockets that the proxy listens on already known to the programs, as the sockops program does by
 * itself with those that come later. That one must be attached by now, so that none is missed.
 *
 * A socket of another process is got hold of by pidfd_getfd (Linux 5.6, CAP_SYS_PTRACE).
 *
 * @param inherited what was taken over from an installation before: then a socket that has our mark is in a slot
 * @throws TproxyError where such a socket belongs to a process that cannot be seen or reached.
 */
export function adoptListeners(object: BpfObject, plan: Plan, inherited: Inheritance): Adopted {
  const listeners = findListeners(new Set([plan.outbound.port, plan.inbound.port]));
  const owners = findSocketOwners(listeners);
  for (const listener of listeners) {
    using socket = take(listener, owners);
    if (socket !== undefined) adopt(object, listener, directionOf(listener, plan), socket.fd, inherited);
    else if (!inherited.listeners && isStillThere(listener)) throw unreachable(listener);
  }
  return { listeners, owners };
}

/** A proxy may be restarted while we look; its new sockets are seen by the sockops program. */
function take(listener: ListenerFact, owners: SocketOwners): ReturnType<typeof takeSocket> | undefined {
  const owner = owners.get(listener.inode);
  if (owner === undefined) return undefined;
  try {
    return takeSocket(owner);
  } catch (error) {
    if (isStillThere(listener)) throw error;
    return undefined;
  }
}

function isStillThere({ port, inode }: ListenerFact): boolean {
  return findListeners(new Set([port])).some((listener) => listener.inode === inode);
}

type Direction = (typeof TP_DIRECTION)["TP_OUTBOUND" | "TP_INBOUND"];

function directionOf(listener: ListenerFact, plan: Plan): Direction {
  return listener.port === plan.inbound.port ? TP_DIRECTION.TP_INBOUND : TP_DIRECTION.TP_OUTBOUND;
}

function adopt(
  object: BpfObject,
  listener: ListenerFact,
  direction: Direction,
  fd: number,
  inherited: Inheritance,
): void {
  if (listener.address.family === 4 && !inherited.listeners)
    rememberAddress(object.map("tp_listening"), direction, listener.address.bytes);
  const sockets = new TypedMap(object.map("tp_sockets"), U32, SOCKET);
  const known = inherited.connections ? sockets.get(fd) : undefined;
  if (known?.role === TP_ROLE.TP_ROLE_LISTENER && known.direction === direction) return;
  // The slot first: if this is killed in between, the next one finds no mark, and a second slot does no harm.
  const slots = slotsFor(listener, direction);
  if (slots !== undefined) addToSlot(object.map(slots), fd);
  sockets.set(fd, {
    role: TP_ROLE.TP_ROLE_LISTENER,
    direction,
    original: NOWHERE,
    proxy: NOWHERE,
    listener: 0,
  });
}

/** Outbound IPv4 finds the listener by its address. */
function slotsFor(listener: ListenerFact, direction: Direction): string | undefined {
  if (direction === TP_DIRECTION.TP_INBOUND)
    return listener.address.family === 4 ? "tp_inbound4" : "tp_inbound6";
  return listener.address.family === 4 ? undefined : "tp_outbound6";
}

/** No slot is free: the others may be those of ports of before, so this one takes the place of one of them. */
function addToSlot(slots: BpfMap, fd: number): void {
  const { maxEntries } = slots.info;
  for (let slot = 0; slot < maxEntries; slot++) {
    if (slots.updateFd(U32.encode(slot), fd, "create")) return;
  }
  slots.updateFd(U32.encode(Math.floor(Math.random() * maxEntries)), fd);
}

function rememberAddress(map: BpfMap, direction: Direction, bytes: Uint8Array): void {
  const listening = new TypedMap<number, StructValue<typeof TP_LISTENING>>(map, U32, LISTENING);
  const addr4 = Uint8Array.from(listening.get(0)?.addr4 ?? new Uint8Array(8));
  addr4.set(bytes, 4 * direction);
  listening.set(0, { addr4 });
}

function unreachable(listener: ListenerFact): TproxyError {
  const where = formatEndpoint(listener.address, listener.port);
  return new TproxyError(
    "SYSCALL_FAILED",
    `cannot find the process that listens on ${where} (UID ${listener.uid})`,
    {
      hint:
        "It may run in another PID namespace. Install where its processes can be seen, " +
        "or install first and start the proxy afterwards.",
    },
  );
}
