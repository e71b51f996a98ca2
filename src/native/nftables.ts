// SPDX-License-Identifier: Apache-2.0
import type { Batch, NetlinkRequest, NetlinkSocket } from "./netlink.ts";
import { readAttributes, text, uint32 } from "./netlink-attributes.ts";

/*
 * What we need of nf_tables: to read tables and chains, and to delete them as long as nobody uses them. Numbers are
 * those of <linux/netfilter/nf_tables.h> and nfnetlink.h.
 */

/** The families that iptables and ip6tables work in, by the names of nft(8): NFPROTO_IPV4, NFPROTO_IPV6. */
export const NFT_FAMILY = { ip: 2, ip6: 10 } as const;
export type NftFamily = keyof typeof NFT_FAMILY;

export interface NftTable {
  readonly name: string;
  /** How many chains, sets, objects and flowtables are in it. */
  readonly use: number;
  /** NFT_TABLE_F_*: dormant, owned by a process, kept without one. iptables sets none. */
  readonly flags: number;
}

export interface NftChain {
  readonly table: string;
  readonly name: string;
  /** How many rules are in it, and how many rules and set elements lead to it. */
  readonly use: number;
  /** Undefined for a chain without a hook, which has none. */
  readonly policy: "accept" | "drop" | undefined;
}

const SUBSYSTEM = 10;
const NFT_MSG = { gettable: 1, deltable: 2, getchain: 4, delchain: 5, getgen: 16 } as const;
const NFNL_MSG_BATCH = { begin: 16, end: 17 } as const;
const NFNL_BATCH_GENID = 1;
const NFTA_GEN_ID = 1;
const NFTA_TABLE = { name: 1, flags: 2, use: 3 } as const;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, policy: 5, use: 6 } as const;
const NF_ACCEPT = 1;
/** Since Linux 4.14 it makes the kernel refuse, with EBUSY, to delete what holds something. Without, all of it goes. */
const NLM_F_NONREC = 0x100;
/** Family, version, resource: struct nfgenmsg. */
const HEADER_SIZE = 4;

/** A number that changes with every change of tables, chains, sets or rules in the network namespace. */
export function readGeneration(netlink: NetlinkSocket): number {
  return numberIn(readBody(netlink.get(messageType(NFT_MSG.getgen), header(0))), NFTA_GEN_ID);
}

export function readTables(netlink: NetlinkSocket, family: NftFamily): NftTable[] {
  const messages = netlink.dump(messageType(NFT_MSG.gettable), header(NFT_FAMILY[family]));
  return messages.map(readBody).map((found) => ({
    name: textIn(found, NFTA_TABLE.name),
    use: numberIn(found, NFTA_TABLE.use),
    flags: numberIn(found, NFTA_TABLE.flags),
  }));
}

/** The chains of all tables of a family. */
export function readChains(netlink: NetlinkSocket, family: NftFamily): NftChain[] {
  const messages = netlink.dump(messageType(NFT_MSG.getchain), header(NFT_FAMILY[family]));
  return messages.map(readBody).map((found) => ({
    table: textIn(found, NFTA_CHAIN.table),
    name: textIn(found, NFTA_CHAIN.name),
    use: numberIn(found, NFTA_CHAIN.use),
    policy: policyIn(found),
  }));
}

/** What to delete: a chain, or without one, a table. */
export interface Deletion {
  readonly family: NftFamily;
  readonly table: string;
  readonly chain?: string;
}

/**
 * All of the deletions or none; chains stand before their table. The kernel refuses it with ERESTART where the
 * generation is not the one given any more, with EBUSY where something is in use (Linux 6.18).
 */
export function deletionBatch(generation: number, deletions: readonly Deletion[]): Batch {
  const about = header(0, SUBSYSTEM);
  const begin = Buffer.concat([about, uint32(NFNL_BATCH_GENID, generation)]);
  return {
    begin: { type: NFNL_MSG_BATCH.begin, flags: 0, body: begin },
    requests: deletions.map(deletionRequest),
    end: { type: NFNL_MSG_BATCH.end, flags: 0, body: about },
  };
}

function deletionRequest({ family, table, chain }: Deletion): NetlinkRequest {
  const [type, ...which] =
    chain === undefined
      ? [NFT_MSG.deltable, text(NFTA_TABLE.name, table)]
      : [NFT_MSG.delchain, text(NFTA_CHAIN.table, table), text(NFTA_CHAIN.name, chain)];
  const body = Buffer.concat([header(NFT_FAMILY[family]), ...which]);
  return { type: messageType(type), flags: NLM_F_NONREC, body };
}

function messageType(type: number): number {
  return (SUBSYSTEM << 8) | type;
}

function header(family: number, resource = 0): Buffer {
  return Buffer.of(family, 0, resource >> 8, resource & 0xff);
}

type Attributes = ReadonlyMap<number, Buffer>;

function readBody(message: Buffer): Attributes {
  return readAttributes(message.subarray(HEADER_SIZE));
}

function policyIn(chain: Attributes): NftChain["policy"] {
  if (!chain.has(NFTA_CHAIN.hook)) return undefined;
  return numberIn(chain, NFTA_CHAIN.policy) === NF_ACCEPT ? "accept" : "drop";
}

/** 0 where it is not there. */
function numberIn(found: Attributes, type: number): number {
  const value = found.get(type);
  return value === undefined || value.length < 4 ? 0 : value.readUInt32BE(0);
}

function textIn(found: Attributes, type: number): string {
  return (found.get(type)?.toString() ?? "").replace(/\0.*$/s, "");
}
