// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { ERRNO, syscallError } from "../native/errno.ts";
import { NetlinkSocket } from "../native/netlink.ts";
import {
  type Deletion,
  deletionBatch,
  type NftChain,
  type NftFamily,
  type NftTable,
  readChains,
  readGeneration,
  readTables,
} from "../native/nftables.ts";

/** The tables and chains of a family as they were at one moment. */
export interface NftRuleset {
  /** Changes whenever anything of nf_tables is changed in the network namespace. */
  readonly generation: number;
  readonly tables: readonly NftTable[];
  readonly chains: readonly NftChain[];
}

const EMPTY: NftRuleset = { generation: 0, tables: [], chains: [] };

/** More than enough: a change takes others milliseconds, and looking takes less than one. */
export const ATTEMPTS = 100;
export const WHEN_QUIET = "Try again when no other program changes the rules of this network namespace.";

/**
 * Reads the network namespace of the main thread. Empty where the kernel has no nf_tables.
 *
 * @throws TproxyError CAPABILITY_MISSING without CAP_NET_ADMIN, SYSCALL_FAILED, also where something changes all the time
 */
export function readNftRuleset(family: NftFamily): NftRuleset {
  using netlink = openNftables();
  if (netlink === undefined) return EMPTY;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const generation = readGeneration(netlink);
    const found = { tables: readTables(netlink, family), chains: readChains(netlink, family) };
    if (readGeneration(netlink) === generation) return { generation, ...found };
  }
  throw new TproxyError("SYSCALL_FAILED", "cannot read nf_tables: something changes them all the time", {
    hint: WHEN_QUIET,
  });
}

/** @throws TproxyError CAPABILITY_MISSING without CAP_NET_ADMIN, SYSCALL_FAILED */
export function hasNftables(): boolean {
  using netlink = openNftables();
  return netlink !== undefined;
}

/**
 * Deletes all of it, chains before their table, or nothing.
 *
 * @returns false where anything has changed since the generation
 * @throws TproxyError CAPABILITY_MISSING without CAP_NET_ADMIN, SYSCALL_FAILED: EBUSY for what is in use
 */
export function deleteAt(generation: number, deletions: readonly Deletion[]): boolean {
  using netlink = openNftables();
  const errno = netlink?.commit(deletionBatch(generation, deletions)) ?? 0;
  if (errno === ERRNO.ERESTART) return false;
  if (errno === 0) return true;
  const what = deletions.map(({ family, table, chain = "" }) => `${family} ${table} ${chain}`.trim());
  throw syscallError(`deleting ${what.join(", ")} from nf_tables`, errno);
}

/** What the kernel says where it has no netfilter netlink, or no nf_tables, and has no module for them either. */
const ABSENT: ReadonlySet<number> = new Set([
  ERRNO.ENOENT,
  ERRNO.EINVAL,
  ERRNO.EOPNOTSUPP,
  ERRNO.EPROTONOSUPPORT,
  ERRNO.EAFNOSUPPORT,
]);

/** Undefined where the kernel has no nf_tables, which the first question shows. */
function openNftables(): NetlinkSocket | undefined {
  let netlink: NetlinkSocket | undefined;
  try {
    netlink = new NetlinkSocket("netfilter");
    readGeneration(netlink);
    return netlink;
  } catch (cause) {
    netlink?.[Symbol.dispose]();
    if (!(cause instanceof TproxyError) || cause.errno === undefined) throw cause;
    if (ABSENT.has(cause.errno)) return undefined;
    if (cause.errno !== ERRNO.EPERM) throw cause;
    throw new TproxyError("CAPABILITY_MISSING", "cannot look at the tables of nf_tables", {
      cause,
      hint: "Run this as root with CAP_NET_ADMIN in this network namespace.",
    });
  }
}
