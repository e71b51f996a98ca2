// SPDX-License-Identifier: Apache-2.0
import { endianness } from "node:os";
import type { Family } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import { ERRNO, errnoName } from "../native/errno.ts";
import { type NetlinkRequest, NetlinkSocket } from "../native/netlink.ts";
import { attribute, nested, readAttributes, uint8, uint16 } from "../native/netlink-attributes.ts";
import type { Endpoint } from "./tcp-sockets.ts";

/** Datagrams between two ends, as conntrack knows them. NAT goes on with them as it began. */
export interface UdpFlow {
  /** Of the first datagram, as it was sent. */
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** Where answers come from: not `to` where NAT sends the datagrams somewhere else. */
  readonly answeredBy: Endpoint;
  /** The request that has conntrack forget it. */
  readonly forget: NetlinkRequest;
}

/**
 * What conntrack of the main thread's network namespace knows of UDP to a port (1–65535), in both families and all zones.
 * Undefined where the kernel has no ctnetlink. The kernel looks for the port itself from Linux 5.8 on.
 */
export function readUdpFlows(port: number): UdpFlow[] | undefined {
  try {
    using netlink = new NetlinkSocket("netfilter");
    return ([4, 6] as const)
      .flatMap((family) =>
        netlink.dump(IPCTNL_MSG_CT.get, dumpRequest(family, port)).flatMap((one) => decode(one, family)),
      )
      .filter(({ to }) => to.port === port);
  } catch (error) {
    // The first: no netfilter at all; the second: its module is missing.
    const missing: (number | undefined)[] = [ERRNO.EPROTONOSUPPORT, ERRNO.EINVAL];
    if (error instanceof TproxyError && missing.includes(error.errno)) return undefined;
    throw error;
  }
}

/** `errno`: its name. EBUSY: the flow is offloaded to a flow table. */
export type Forgotten =
  | { readonly result: "forgotten" | "gone" }
  | { readonly result: "refused"; readonly errno: string };

/** As many as have room for their answers in a socket's receive buffer of the usual size, twice. */
const BATCH = 64;

/**
 * Has conntrack forget flows: the next datagram of each is the first of a new one.
 *
 * @returns what became of each
 * @throws TproxyError SYSCALL_FAILED, also without CAP_NET_ADMIN
 */
export function forgetUdpFlows(flows: readonly UdpFlow[]): Forgotten[] {
  if (flows.length === 0) return [];
  using netlink = new NetlinkSocket("netfilter");
  const errnos: number[] = [];
  for (let at = 0; at < flows.length; at += BATCH)
    errnos.push(...netlink.requestAll(flows.slice(at, at + BATCH).map(({ forget }) => forget)));
  return errnos.map((errno) => {
    if (errno === 0) return { result: "forgotten" };
    return errno === ERRNO.ENOENT ? { result: "gone" } : { result: "refused", errno: errnoName(errno) };
  });
}

// From here on <linux/netfilter/nfnetlink_conntrack.h>.

/** The subsystem's number in the upper byte. */
const IPCTNL_MSG_CT = { get: 0x101, delete: 0x102 } as const;
const CTA = { tupleOrig: 1, tupleReply: 2, id: 12, zone: 18, filter: 25 } as const;
const CTA_TUPLE = { ip: 1, proto: 2 } as const;
const CTA_IP = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const CTA_PROTO = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const CTA_FILTER = { origFlags: 1, replyFlags: 2 } as const;
/** What of a tuple counts: CTA_FILTER_F_CTA_PROTO_NUM and _DST_PORT of net/netfilter/nf_internals.h. */
const FILTER_PROTOCOL_AND_DESTINATION_PORT = (1 << 3) | (1 << 5);
const IPPROTO_UDP = 17;
const AF = { 4: 2, 6: 10 } as const;
/** `struct nfgenmsg` */
const HEADER_SIZE = 4;

function header(family: Family): Uint8Array {
  return Uint8Array.of(AF[family], 0, 0, 0);
}

function dumpRequest(family: Family, port: number): Buffer {
  const protocol = nested(
    CTA_TUPLE.proto,
    uint8(CTA_PROTO.number, IPPROTO_UDP),
    uint16(CTA_PROTO.destinationPort, port),
  );
  const filter = nested(
    CTA.filter,
    flags(CTA_FILTER.origFlags, FILTER_PROTOCOL_AND_DESTINATION_PORT),
    flags(CTA_FILTER.replyFlags, 0),
  );
  return Buffer.concat([header(family), nested(CTA.tupleOrig, protocol), filter]);
}

/** In host order, other than the rest. */
function flags(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  if (endianness() === "LE") bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return attribute(type, bytes);
}

/** Nothing for what is no UDP. */
function decode(message: Buffer, family: Family): UdpFlow[] {
  const attributes = readAttributes(message.subarray(HEADER_SIZE));
  const original = decodeTuple(attributes.get(CTA.tupleOrig), family);
  const reply = decodeTuple(attributes.get(CTA.tupleReply), family);
  if (original?.protocol !== IPPROTO_UDP || reply === undefined) return [];
  const [from, to, answeredBy] = [original.source, original.destination, reply.source];
  return [{ from, to, answeredBy, forget: forgetRequest(family, attributes) }];
}

/** What the kernel said of it, said back: its id, too, so that no later one is meant. */
function forgetRequest(family: Family, attributes: ReadonlyMap<number, Buffer>): NetlinkRequest {
  const same = [CTA.tupleOrig, CTA.zone, CTA.id].flatMap((type) => {
    const value = attributes.get(type);
    if (value === undefined) return [];
    return [type === CTA.tupleOrig ? nested(type, value) : attribute(type, value)];
  });
  return { type: IPCTNL_MSG_CT.delete, flags: 0, body: Buffer.concat([header(family), ...same]) };
}

interface Tuple {
  readonly protocol: number | undefined;
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

function decodeTuple(bytes: Buffer | undefined, family: Family): Tuple | undefined {
  const parts = bytes && readAttributes(bytes);
  const [ip, proto] = [parts?.get(CTA_TUPLE.ip), parts?.get(CTA_TUPLE.proto)];
  if (ip === undefined || proto === undefined) return undefined;
  const [addresses, ports] = [readAttributes(ip), readAttributes(proto)];
  const end = (address: number, port: number): Endpoint => ({
    address: { family, bytes: Uint8Array.from(addresses.get(address) ?? []) },
    port: ports.get(port)?.readUInt16BE(0) ?? 0,
  });
  return {
    protocol: ports.get(CTA_PROTO.number)?.readUInt8(0),
    source: end(CTA_IP[family].source, CTA_PROTO.sourcePort),
    destination: end(CTA_IP[family].destination, CTA_PROTO.destinationPort),
  };
}
