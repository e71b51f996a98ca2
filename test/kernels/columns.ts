// The columns of the table in the README, and what the checks say about each.

import type { State } from "./check.ts";

/** By their names, and how they are headed. */
export const COLUMNS = {
  outbound: "outbound",
  inboundTc: "inbound, tc",
  inboundLookup: "inbound, sk_lookup",
  dns: "DNS",
  getpeername: "getpeername",
  tcx: "tcx",
  reuseport: "SO_REUSEPORT listeners",
  nft: "iptables, nft",
  legacy: "iptables, legacy",
  fallback: "fallback",
} as const;

export type Column = keyof typeof COLUMNS;

/** One check, as a guest tells of it. */
export interface Row {
  readonly group: string;
  readonly check: string;
  readonly column?: Column;
  readonly ok: boolean;
  readonly state?: State;
  readonly seconds: number;
  readonly detail: string;
}

/** What all the checks of a column together say. */
export function judge(rows: readonly Row[], column: Column): State | "FAILS" | "not tried" {
  const all = rows.filter((row) => row.column === column);
  if (all.length === 0) return "not tried";
  if (all.some(({ ok }) => !ok)) return "FAILS";
  if (all.some(({ state }) => state === "falls back")) return "falls back";
  return all.every(({ state }) => state === "-") ? "-" : "works";
}
