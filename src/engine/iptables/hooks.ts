// SPDX-License-Identifier: Apache-2.0
import { isOfTable, listHooks, type NftObject, removeIfUnused } from "../../host/nft-chains.ts";
import type { Target } from "./work.ts";

/** Those of iptables. 1.8.9 makes the ones that rules are for, 1.8.0 all that a table can have. */
const BUILT_IN = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"] as const;

/** What iptables-nft may make for rules besides them: tables and base chains that are not there yet. */
export function missingHooks(targets: readonly Target[]): NftObject[] {
  const wanted = targets.flatMap(hooksFor);
  if (wanted.length === 0) return [];
  const present = new Set(listHooks());
  return wanted.filter((object) => !present.has(object));
}

function hooksFor({ executables: { family, mode }, set }: Target): NftObject[] {
  if (mode !== "nft") return [];
  return set.tables.flatMap(({ table }): NftObject[] => {
    const key = `${family === 4 ? "ip" : "ip6"} ${table}` as const;
    return [key, ...BUILT_IN.map((chain) => `${key} ${chain}` as const)];
  });
}

/** Those that are there. Nobody asks a kernel without nf_tables: nothing was made there. */
export function existing(objects: readonly NftObject[]): NftObject[] {
  if (objects.length === 0) return [];
  const present = new Set(listHooks());
  return objects.filter((object) => present.has(object));
}

/** What a dry run of the removal says of them. */
export function describeHooks(objects: readonly NftObject[]): string[] {
  const present = existing(objects);
  if (present.length === 0) return [];
  return [`# nf_tables, as far as nobody uses it then: ${present.join(", ")}`];
}

/**
 * Removes what nobody uses of the objects, all but NAT's where connections still need that.
 *
 * @returns those that are left for later
 */
export function removeHooks(objects: readonly NftObject[], keepNat: boolean): NftObject[] {
  const isKept = (object: NftObject) => keepNat && isOfTable(object, "nat");
  removeIfUnused(objects.filter((object) => !isKept(object)));
  return existing(objects.filter(isKept));
}
