// SPDX-License-Identifier: Apache-2.0
import type { Address, Family, Prefix } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import { type NetlinkRequest, type NetlinkSocket, NLM_F } from "./netlink.ts";
import { attribute, readAttributes } from "./netlink-attributes.ts";

/*
 * What we need of rtnetlink: interfaces, their addresses, and routes. Numbers are those of <linux/rtnetlink.h>,
 * if_link.h, if_addr.h and if.h, in host order (little-endian wherever this runs); addresses are in network order.
 */

const RTM = { getlink: 18, newaddr: 20, deladdr: 21, getaddr: 22, getroute: 26 } as const;
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };

/** The index of the loopback interface in every network namespace. */
export const LOOPBACK_IFINDEX = 1;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Administratively up. */
  readonly up: boolean;
  readonly loopback: boolean;
}

const IFINFOMSG_SIZE = 16;
const IFF = { up: 0x1, loopback: 0x8 } as const;
const IFLA = { ifname: 3, extMask: 29 } as const;
/** Counters are long, and some drivers ask their device for them. Unknown before Linux 4.4, and ignored there. */
const RTEXT_FILTER_SKIP_STATS = 0x8;

/** All interfaces, in no order. Throws SYSCALL_FAILED, as the others here. */
export function readLinks(netlink: NetlinkSocket): Link[] {
  const mask = attribute(IFLA.extMask, Uint8Array.of(RTEXT_FILTER_SKIP_STATS, 0, 0, 0));
  return netlink.dump(RTM.getlink, Buffer.concat([Buffer.alloc(IFINFOMSG_SIZE), mask])).map(decodeLink);
}

/** Reads a message RTM_NEWLINK without its header. */
export function decodeLink(message: Buffer): Link {
  const name = readAttributes(message.subarray(IFINFOMSG_SIZE)).get(IFLA.ifname);
  const index = message.readInt32LE(4);
  if (name === undefined) throw new TproxyError("INTERNAL", `the kernel gives interface ${index} no name`);
  const flags = message.readUInt32LE(8);
  return {
    index,
    name: name.toString().replace(/\0.*$/s, ""),
    up: (flags & IFF.up) !== 0,
    loopback: (flags & IFF.loopback) !== 0,
  };
}

export interface LinkAddress {
  /** The index of its interface. */
  readonly index: number;
  /** The end that is here, of a point-to-point interface. */
  readonly address: Address;
}

const IFADDRMSG_SIZE = 8;
const IFA = { address: 1, local: 2 } as const;
const IFA_F_NODAD = 0x02;
const RT_SCOPE_HOST = 254;

/** The IPv4 and IPv6 addresses of all interfaces, in the order that the kernel gives for each. */
export function readAddresses(netlink: NetlinkSocket): LinkAddress[] {
  return netlink.dump(RTM.getaddr, Buffer.alloc(IFADDRMSG_SIZE)).flatMap((message) => {
    const address = decodeAddress(message);
    return address === undefined ? [] : [address];
  });
}

/** Reads a message RTM_NEWADDR without its header. Undefined where it is about another protocol than IP. */
export function decodeAddress(message: Buffer): LinkAddress | undefined {
  const family = familyOf(message);
  const found = readAttributes(message.subarray(IFADDRMSG_SIZE));
  // IPv6 has both where there is another end, and only `address` where there is none.
  const bytes = found.get(IFA.local) ?? found.get(IFA.address);
  if (family === undefined || bytes === undefined) return undefined;
  return { index: message.readUInt32LE(4), address: { family, bytes: Uint8Array.from(bytes) } };
}

/** Gives an interface an address of full length, to be used at once: nobody else is asked whether he has it. */
export function addAddressRequest(index: number, address: Address): NetlinkRequest {
  return { type: RTM.newaddr, flags: NLM_F.create | NLM_F.exclusive, body: addressBody(index, address) };
}

export function removeAddressRequest(index: number, address: Address): NetlinkRequest {
  return { type: RTM.deladdr, flags: 0, body: addressBody(index, address) };
}

function addressBody(index: number, { family, bytes }: Address): Buffer {
  const header = Buffer.alloc(IFADDRMSG_SIZE);
  header.set([AF[family], bytes.length * 8]);
  // IPv6 knows the scope by itself, and IPv4 has no duplicate address detection.
  if (family === 6) header.writeUInt8(IFA_F_NODAD, 2);
  else if (bytes[0] === 127) header.writeUInt8(RT_SCOPE_HOST, 3);
  header.writeUInt32LE(index, 4);
  return Buffer.concat([header, attribute(IFA.local, bytes), attribute(IFA.address, bytes)]);
}

export interface Route {
  readonly table: number;
  /** One of RTN, or another number. */
  readonly type: number;
  readonly prefix: Prefix;
}

/** Types of routes that mean something to us. */
export const RTN = { local: 2, broadcast: 3, anycast: 4 } as const;

/** The table of what is delivered here. */
export const RT_TABLE_LOCAL = 255;

const RTMSG_SIZE = 12;
const RTA = { dst: 1, table: 15 } as const;
/** A copy that IPv6 made for one destination. */
const RTM_F_CLONED = 0x200;

/**
 * The routes of a family in a table (1–255). Throws SYSCALL_FAILED: ENOENT for a table that does not exist, which not
 * every kernel tells from an empty one.
 */
export function readRoutes(netlink: NetlinkSocket, family: Family, table: number): Route[] {
  const request = Buffer.alloc(RTMSG_SIZE);
  request.writeUInt8(AF[family], 0);
  request.writeUInt8(table, 4);
  // A kernel without IPv6 gives those of all families, one that cannot filter those of all tables.
  return netlink.dump(RTM.getroute, request).flatMap((message) => {
    const route = decodeRoute(message);
    return route?.prefix.address.family === family && route.table === table ? [route] : [];
  });
}

/** Reads a message RTM_NEWROUTE without its header. Undefined where it is a copy, or of another protocol than IP. */
export function decodeRoute(message: Buffer): Route | undefined {
  const family = familyOf(message);
  if (family === undefined || (message.readUInt32LE(8) & RTM_F_CLONED) !== 0) return undefined;
  const found = readAttributes(message.subarray(RTMSG_SIZE));
  // A default route has no destination.
  const bytes = Uint8Array.from(found.get(RTA.dst) ?? new Uint8Array(family === 4 ? 4 : 16));
  return {
    table: found.get(RTA.table)?.readUInt32LE(0) ?? message.readUInt8(4),
    type: message.readUInt8(7),
    prefix: { address: { family, bytes }, length: message.readUInt8(1) },
  };
}

/** The first byte of every message that has addresses. */
function familyOf(message: Buffer): Family | undefined {
  const number = message.readUInt8(0);
  if (number === AF[4]) return 4;
  return number === AF[6] ? 6 : undefined;
}
