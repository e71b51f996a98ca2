// SPDX-License-Identifier: Apache-2.0
import { trackExistingConnections } from "../../host/conntrack.ts";
import { CONNECTED, readTcpSockets } from "../../host/tcp-sockets.ts";
import type { Executables } from "./executables.ts";
import type { Present } from "./look.ts";
import type { OursInTable } from "./ownership.ts";
import { type RestoreOptions, restoreRules } from "./restore.ts";
import { insertedInto } from "./transaction.ts";

/**
 * A chain of ours that nothing leads to. The rule in it keeps conntrack and NAT at work in a namespace where no other
 * rule does (Linux 6.18: neither a table nor a chain is enough). Without them
 * - a connection that exists is taken for a new one, and redirected, when rules appear;
 * - a connection that was redirected loses its way when the rules go.
 */
export const KEEPER_CHAIN = "KUMA_MESH_CONNTRACK";
const KEEPER_SPEC = "-p tcp -j REDIRECT --to-ports 1";

/** Lines that make the chain. */
export const KEEPER_LINES = [`-N ${KEEPER_CHAIN}`, `-A ${KEEPER_CHAIN} ${KEEPER_SPEC}`] as const;

/**
 * Makes the connections that exist known to conntrack, so that rules which come after this leave them alone.
 *
 * @returns what the user should know, one sentence each
 */
export async function trackConnections(
  all: readonly Pick<Executables, "mode" | "restore">[],
  restore: RestoreOptions,
): Promise<string[]> {
  for (const executables of all) await restoreRules(executables, insertedInto("nat", KEEPER_LINES), restore);
  const { note } = trackExistingConnections();
  return note === undefined ? [] : [note];
}

/** Whether there is anything to be tracked. */
export function hasConnections(): boolean {
  return readTcpSockets(CONNECTED).length > 0;
}

/** What is there after {@link trackConnections} where nothing of ours was. */
export function withKeeper(present: Present): Present {
  const rule = { chain: KEEPER_CHAIN, position: 1, spec: KEEPER_SPEC };
  const chains = [{ name: KEEPER_CHAIN, policy: undefined }];
  const nat: OursInTable = {
    name: "nat",
    chains: [KEEPER_CHAIN],
    rules: [],
    table: { name: "nat", chains, rules: [rule] },
  };
  return { ...present, ours: [nat] };
}

/** Whether more than the keeper is there. */
export function isInstallation({ ours }: Present): boolean {
  return ours.some(({ chains, rules }) => rules.length > 0 || chains.some((name) => name !== KEEPER_CHAIN));
}
