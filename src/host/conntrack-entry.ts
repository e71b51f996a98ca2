// SPDX-License-Identifier: Apache-2.0
import { type Address, unmapAddress } from "../core/address.ts";
import { type NetlinkRequest, NLM_F } from "../native/netlink.ts";
import { attribute, nested, uint8, uint16, uint32 } from "../native/netlink-attributes.ts";
import { type Endpoint, TCP_STATE, type TcpSocket } from "./tcp-sockets.ts";

/** One connection for conntrack to know. */
export interface ConntrackEntry {
  /** Who opened the connection, as far as can be told. */
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly stage: Stage;
}

type Stage = "opening" | "opened" | "established" | "closing";

/**
 * What conntrack is to know of a socket's connection. One to a port that somebody here listens on was opened from
 * outside, as far as the table of sockets tells. For NAT the direction makes no difference.
 */
export function entryFor(connection: TcpSocket, listening: ReadonlySet<number>): ConntrackEntry {
  const local = unmapped(connection.local);
  const remote = unmapped(connection.remote);
  const stage = stageOf(connection);
  return listening.has(local.port) ? { from: remote, to: local, stage } : { from: local, to: remote, stage };
}

/** The same for both ends of a connection. */
export function entryKey({ from, to }: ConntrackEntry): string {
  const a = endKey(from);
  const b = endKey(to);
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** Not for people to read: there may be tens of thousands of them. */
function endKey({ address: { bytes }, port }: Endpoint): string {
  return `${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")}:${port}`;
}

/** The packets of a v4-mapped socket are IPv4. */
function unmapped({ address, port }: Endpoint): Endpoint {
  return { address: unmapAddress(address), port };
}

function stageOf({ state, inode }: TcpSocket): Stage {
  if (state === TCP_STATE.synSent) return "opening";
  if (state === TCP_STATE.synReceived) return "opened";
  // A half-closed connection lives as long as a process holds it: the other half may be used for days.
  if (state === TCP_STATE.finWait1 || state === TCP_STATE.finWait2)
    return inode === 0 ? "closing" : "established";
  return state === TCP_STATE.lastAck || state === TCP_STATE.closing ? "closing" : "established";
}

// From here on <linux/netfilter/nfnetlink_conntrack.h>, nf_conntrack_common.h and nf_conntrack_tcp.h.

/** The subsystem's number in the upper byte. */
const IPCTNL_MSG_CT = { new: 0x100, delete: 0x102 } as const;
const CTA = { tupleOrig: 1, tupleReply: 2, status: 3, protoinfo: 4, timeout: 7 } as const;
const CTA_TUPLE = { ip: 1, proto: 2 } as const;
const CTA_IP = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const CTA_PROTO = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const CTA_PROTOINFO_TCP = 1;
const CTA_TCP = { state: 1, flagsOriginal: 4, flagsReply: 5 } as const;
const IPPROTO_TCP = 6;
const AF = { 4: 2, 6: 10 } as const;

const IPS = { seenReply: 2, assured: 4, confirmed: 8 } as const;
/** ASSURED keeps an entry from being thrown out when the table is full. */
const BOTH_WAYS = IPS.confirmed | IPS.seenReply | IPS.assured;

/** How conntrack sees each stage: TCP_CONNTRACK_*, the status bits, and how many seconds the entry stays unused. */
const STAGES: Readonly<Record<Stage, { state: number; status: number; timeout?: number }>> = {
  opening: { state: 1, status: IPS.confirmed, timeout: 120 },
  opened: { state: 2, status: IPS.confirmed | IPS.seenReply, timeout: 60 },
  established: { state: 3, status: BOTH_WAYS },
  // Not for long: a later connection between the same ports must not be taken for this one.
  closing: { state: 4, status: BOTH_WAYS, timeout: 120 },
};

/**
 * The kernel has seen none of the connection's packets, and cannot tell which sequence numbers are in its window:
 * the same flag that it sets when it picks a connection up by itself.
 */
const LIBERAL = Uint8Array.of(0x08, 0x08);

/**
 * The request that adds an entry, or fails with EEXIST where conntrack knows one of its directions already.
 *
 * @param idle seconds that an established connection may send nothing
 */
export function newEntryRequest({ from, to, stage }: ConntrackEntry, idle: number): NetlinkRequest {
  const { state, status, timeout = idle } = STAGES[stage];
  const body = Buffer.concat([
    header(from),
    tuple(CTA.tupleOrig, from, to),
    tuple(CTA.tupleReply, to, from),
    uint32(CTA.status, status),
    uint32(CTA.timeout, timeout),
    nested(
      CTA.protoinfo,
      nested(
        CTA_PROTOINFO_TCP,
        uint8(CTA_TCP.state, state),
        attribute(CTA_TCP.flagsOriginal, LIBERAL),
        attribute(CTA_TCP.flagsReply, LIBERAL),
      ),
    ),
  ]);
  return { type: IPCTNL_MSG_CT.new, flags: NLM_F.create | NLM_F.exclusive, body };
}

/** The request that removes an entry, or fails with ENOENT where there is none. */
export function deleteEntryRequest({ from, to }: ConntrackEntry): NetlinkRequest {
  const body = Buffer.concat([header(from), tuple(CTA.tupleOrig, from, to)]);
  return { type: IPCTNL_MSG_CT.delete, flags: 0, body };
}

function header({ address }: Endpoint): Uint8Array {
  return Uint8Array.of(AF[address.family], 0, 0, 0);
}

function tuple(type: number, source: Endpoint, destination: Endpoint): Buffer {
  return nested(
    type,
    nested(CTA_TUPLE.ip, ip("source", source.address), ip("destination", destination.address)),
    nested(
      CTA_TUPLE.proto,
      uint8(CTA_PROTO.number, IPPROTO_TCP),
      uint16(CTA_PROTO.sourcePort, source.port),
      uint16(CTA_PROTO.destinationPort, destination.port),
    ),
  );
}

function ip(end: "source" | "destination", { family, bytes }: Address): Buffer {
  return attribute(CTA_IP[family][end], bytes);
}
