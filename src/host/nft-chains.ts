// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import type { NftChain, NftFamily } from "../native/nftables.ts";
import { ATTEMPTS, deleteAt, type NftRuleset, readNftRuleset, WHEN_QUIET } from "./nft-ruleset.ts";

/*
 * What iptables-nft makes for rules besides the rules, and never removes: tables, and base chains, which have a hook.
 * Empty ones cost every packet some time, keep NAT at work, and show up in everybody's listings.
 */

const FAMILIES = ["ip", "ip6"] as const;
const TABLES = ["raw", "nat", "mangle"] as const;

interface TableName {
  readonly family: NftFamily;
  readonly table: (typeof TABLES)[number];
}

/** A table, "ip nat". */
export type NftTableKey = `${TableName["family"]} ${TableName["table"]}`;

/** A table, or a base chain in it, "ip nat PREROUTING". */
export type NftObject = NftTableKey | `${NftTableKey} ${string}`;

/**
 * The tables raw, nat and mangle of IPv4 and IPv6, and their base chains, in the network namespace of the main thread.
 * None where the kernel has no nf_tables. iptables-legacy's are not among them: a namespace cannot get rid of those.
 *
 * @throws TproxyError CAPABILITY_MISSING without CAP_NET_ADMIN, SYSCALL_FAILED
 */
export function listHooks(): NftObject[] {
  return FAMILIES.flatMap((family) => {
    const { tables, chains } = readNftRuleset(family);
    return TABLES.filter((table) => tables.some(({ name }) => name === table)).flatMap((table) => [
      keyOf({ family, table }),
      ...chains
        .filter((chain) => chain.table === table && chain.policy !== undefined)
        .map((chain) => keyOf({ family, table }, chain)),
    ]);
  });
}

/**
 * Removes those of the objects that serve nobody: base chains without rules that let everything pass, and tables in
 * which nothing is. What somebody else has in them stays, also what comes at this very moment: the kernel takes the
 * removal only if nothing has changed since we looked.
 *
 * @returns what was removed
 * @throws TproxyError CAPABILITY_MISSING without CAP_NET_ADMIN; SYSCALL_FAILED, also where something changes all the time
 */
export function removeIfUnused(objects: readonly NftObject[]): NftObject[] {
  const wanted = new Set(objects);
  return FAMILIES.flatMap((family) => TABLES.flatMap((table) => removeUnusedOf({ family, table }, wanted)));
}

/** Whether it is the table, of either family, or in it. */
export function isOfTable(object: NftObject, table: TableName["table"]): boolean {
  return object.split(" ")[1] === table;
}

function removeUnusedOf(of: TableName, wanted: ReadonlySet<NftObject>): NftObject[] {
  if (![...wanted].some((object) => `${object} `.startsWith(`${keyOf(of)} `))) return [];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const ruleset = readNftRuleset(of.family);
    const { chains, table } = findUnused(of, ruleset, wanted);
    const deletions = [...chains.map(({ name }) => ({ ...of, chain: name })), ...(table ? [of] : [])];
    if (deletions.length === 0 || deleteAt(ruleset.generation, deletions))
      return [...chains.map((chain) => keyOf(of, chain)), ...(table ? [keyOf(of)] : [])];
  }
  throw new TproxyError(
    "SYSCALL_FAILED",
    `cannot remove the empty chains of ${keyOf(of)}: something changes nf_tables all the time`,
    { hint: WHEN_QUIET },
  );
}

interface Unused {
  readonly chains: readonly NftChain[];
  /** Nothing is in it but these chains. */
  readonly table: boolean;
}

function findUnused(of: TableName, ruleset: NftRuleset, wanted: ReadonlySet<NftObject>): Unused {
  const table = ruleset.tables.find(({ name }) => name === of.table);
  // A flag is not iptables': it puts the table to sleep, or says whose it is.
  if (table === undefined || table.flags !== 0) return { chains: [], table: false };
  const chains = ruleset.chains.filter(
    (chain) =>
      chain.table === of.table &&
      chain.policy === "accept" &&
      chain.use === 0 &&
      wanted.has(keyOf(of, chain)),
  );
  return { chains, table: wanted.has(keyOf(of)) && table.use === chains.length };
}

function keyOf({ family, table }: TableName): NftTableKey;
function keyOf(table: TableName, chain: NftChain): NftObject;
function keyOf({ family, table }: TableName, chain?: NftChain): NftObject {
  return chain === undefined ? `${family} ${table}` : `${family} ${table} ${chain.name}`;
}
