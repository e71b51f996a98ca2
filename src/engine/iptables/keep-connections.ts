// SPDX-License-Identifier: Apache-2.0
import { trackExistingConnections } from "../../host/conntrack.ts";
import { canonicalRule } from "./canonical.ts";
import type { Executables } from "./executables.ts";
import type { Present } from "./look.ts";
import type { OursInTable } from "./ownership.ts";
import { type RestoreOptions, restoreRules } from "./restore.ts";
import type { SavedRule } from "./saved.ts";
import { tableText } from "./transaction.ts";

/**
 * A chain of ours that nothing leads to. The rule in it keeps conntrack and NAT at work in a namespace where no other
 * rule does (Linux 6.18: neither a table nor a chain is enough). Without them
 * - a connection that exists is taken for a new one, and redirected, when rules appear;
 * - a connection that was redirected loses its way when the rules go.
 */
export const KEEPER_CHAIN = "KUMA_MESH_CONNTRACK";

/** Lines that make the chain. Its rules, one for each port of the proxy, tell later which connections it is there for. */
export function keeperLines(ports: ReadonlySet<number>): string[] {
  return [`-N ${KEEPER_CHAIN}`, ...[...ports].map((port) => `-A ${KEEPER_CHAIN} ${keeperSpec(port)}`)];
}

function keeperSpec(port: number): string {
  return `-p tcp -j REDIRECT --to-ports ${port}`;
}

export interface Protected {
  /** What is there now: the keeper is among what is ours. */
  readonly present: readonly Present[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Makes the connections that exist known to conntrack, so that rules which come after this leave them alone. Not where
 * rules of ours are in nat already: since those came, conntrack has seen every connection.
 *
 * @param targets The executables that rules will be applied with
 * @param ports Of the proxy
 * @param onChange is told of what there was before a change of it
 */
export async function protectConnections(
  present: readonly Present[],
  targets: readonly Executables[],
  ports: ReadonlySet<number>,
  restore: RestoreOptions,
  onChange: (before: Present) => void,
): Promise<Protected> {
  const isNew = (each: Present) => targets.includes(each.executables) && !redirects(each);
  const fresh = present.filter(isNew);
  if (fresh.length === 0) return { present, notes: [] };
  for (const each of fresh) {
    onChange(each);
    const old = natOf(each)?.chains.includes(KEEPER_CHAIN)
      ? [`-F ${KEEPER_CHAIN}`, `-X ${KEEPER_CHAIN}`]
      : [];
    await restoreRules(each.executables, tableText("nat", [...old, ...keeperLines(ports)]), restore);
  }
  const { note } = trackExistingConnections();
  return {
    present: present.map((each) => (isNew(each) ? withKeeper(each, ports) : each)),
    notes: note === undefined ? [] : [note],
  };
}

/** The ports that the rules of ours in nat send connections to. */
export function redirectedPorts(present: Present): number[] {
  return redirectingRules(natOf(present)).flatMap(({ spec }) => {
    const port = /-p tcp .*-j REDIRECT --to-ports (\d+)/.exec(canonicalRule(spec))?.[1];
    return port === undefined ? [] : [Number(port)];
  });
}

/** In our chains, or of ours in those of others: what comes from virtual networks is redirected there. */
function redirectingRules(nat: OursInTable | undefined): SavedRule[] {
  const inOurs = (nat?.table.rules ?? []).filter(({ chain }) => nat?.chains.includes(chain));
  return [...inOurs, ...(nat?.rules ?? [])].filter(({ spec }) => / -j REDIRECT /.test(` ${spec} `));
}

/** Whether more than the keeper is there. */
export function isInstallation({ ours }: Present): boolean {
  return ours.some(({ chains, rules }) => rules.length > 0 || chains.some((name) => name !== KEEPER_CHAIN));
}

/** Somebody may have emptied our chains: then conntrack may have stopped. */
function redirects(present: Present): boolean {
  return redirectingRules(natOf(present)).some(({ chain }) => chain !== KEEPER_CHAIN);
}

function natOf({ ours }: Present): OursInTable | undefined {
  return ours.find(({ name }) => name === "nat");
}

function withKeeper(present: Present, ports: ReadonlySet<number>): Present {
  const nat = natOf(present) ?? NOTHING_IN_NAT;
  const others = nat.table.rules.filter(({ chain }) => chain !== KEEPER_CHAIN);
  const rules = [...ports].map((port, index) => ({
    chain: KEEPER_CHAIN,
    position: index + 1,
    spec: keeperSpec(port),
  }));
  const changed: OursInTable = {
    ...nat,
    chains: [...nat.chains.filter((name) => name !== KEEPER_CHAIN), KEEPER_CHAIN],
    table: { ...nat.table, rules: [...others, ...rules] },
  };
  return { ...present, ours: [...present.ours.filter(({ name }) => name !== "nat"), changed] };
}

const NOTHING_IN_NAT: OursInTable = {
  name: "nat",
  chains: [],
  rules: [],
  table: { name: "nat", chains: [], rules: [] },
};
