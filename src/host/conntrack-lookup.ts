// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, formatEndpoint } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import { ERRNO } from "../native/errno.ts";
import { NetlinkSocket } from "../native/netlink.ts";
import { attribute, nested, readAttributes, uint8, uint16 } from "../native/netlink-attributes.ts";
import type { Endpoint } from "./tcp-sockets.ts";

/* <linux/netfilter/nfnetlink_conntrack.h>; numbers are in network order. */

const IPCTNL_MSG_CT_GET = 0x101;
const NFGENMSG_SIZE = 4;
const CTA = { tupleOrig: 1, tupleReply: 2, zone: 18 } as const;
const CTA_TUPLE = { ip: 1, proto: 2 } as const;
const CTA_IP = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const;
const CTA_PROTO = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const IPPROTO_UDP = 17;
const AF = { 4: 2, 6: 10 } as const;

/** None, and the two over which kumactl's rules spread DNS. */
const ZONES = [0, 1, 2] as const;

/**
 * Where NAT sends the datagrams from one endpoint to another, in the network namespace of the main thread; undefined where
 * conntrack knows of none. Needs CAP_NET_ADMIN.
 *
 * @throws TproxyError SYSCALL_FAILED
 */
export function findNatTarget(from: Endpoint, to: Endpoint): Endpoint | undefined {
  using netlink = new NetlinkSocket("netfilter");
  for (const zone of ZONES) {
    const found = lookUp(netlink, from, to, zone);
    if (found !== undefined) return found;
  }
  return undefined;
}

function lookUp(netlink: NetlinkSocket, from: Endpoint, to: Endpoint, zone: number): Endpoint | undefined {
  const { family } = to.address;
  const body = Buffer.concat([
    Buffer.of(AF[family], 0, 0, 0),
    tuple(from, to),
    ...(zone === 0 ? [] : [uint16(CTA.zone, zone)]),
  ]);
  try {
    return replySource(netlink.get(IPCTNL_MSG_CT_GET, body), family);
  } catch (error) {
    if (error instanceof TproxyError && error.errno === ERRNO.ENOENT) return undefined;
    throw new TproxyError(
      "SYSCALL_FAILED",
      `cannot look up ${formatEndpoint(to.address, to.port)} in conntrack`,
      {
        cause: error,
      },
    );
  }
}

function tuple(from: Endpoint, to: Endpoint): Buffer {
  const ip = (end: "source" | "destination", { family, bytes }: Address) =>
    attribute(CTA_IP[family][end], bytes);
  return nested(
    CTA.tupleOrig,
    nested(CTA_TUPLE.ip, ip("source", from.address), ip("destination", to.address)),
    nested(
      CTA_TUPLE.proto,
      uint8(CTA_PROTO.number, IPPROTO_UDP),
      uint16(CTA_PROTO.sourcePort, from.port),
      uint16(CTA_PROTO.destinationPort, to.port),
    ),
  );
}

/** Who answers, as conntrack expects it: reads an answer without its header. */
export function replySource(message: Buffer, family: Family): Endpoint | undefined {
  const reply = readAttributes(message.subarray(NFGENMSG_SIZE)).get(CTA.tupleReply);
  const parts = reply && readAttributes(reply);
  const [ip, proto] = [parts?.get(CTA_TUPLE.ip), parts?.get(CTA_TUPLE.proto)];
  const bytes = ip && readAttributes(ip).get(CTA_IP[family].source);
  const port = proto && readAttributes(proto).get(CTA_PROTO.sourcePort);
  if (bytes === undefined || port === undefined) return undefined;
  return { address: { family, bytes: Uint8Array.from(bytes) }, port: port.readUInt16BE(0) };
}
