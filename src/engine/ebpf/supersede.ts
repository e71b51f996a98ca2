// SPDX-License-Identifier: Apache-2.0
import type { BpfMap } from "../../bpf/map.ts";
import type { Plan } from "../../plan/plan.ts";
import { leaveEmptyHomes, leaveHome } from "./bpffs-home.ts";
import { asCourtesy } from "./courtesy.ts";
import { detachInstallations, type Survivor } from "./detach.ts";
import { redirectionsOf, redirectsSameDns } from "./dns-memory.ts";
import { correctDnsSockets } from "./dns-sockets.ts";
import type { Installed } from "./installed.ts";
import { removePinDirectory } from "./pin-directory.ts";
import type { Predecessors } from "./predecessors.ts";
import type { InstanceRecord } from "./record.ts";
import { noteLostRecords, releaseSockets } from "./remove.ts";

/** What took the place of others. */
export interface Successor extends Survivor {
  readonly record: InstanceRecord;
  readonly plan: Plan;
  /** It went on with what the installation before knew of connections. */
  readonly inheritsConnections: boolean;
  /** All its links at the cgroup are those of the installation before. */
  readonly isInPlace: boolean;
}

/**
 * Takes away what only the installations before had, and corrects sockets that they decided otherwise.
 *
 * @returns what the user should know, one sentence each
 */
export async function supersede(predecessors: Predecessors, successor: Successor): Promise<string[]> {
  await detachInstallations(predecessors.all, successor);
  try {
    return [
      ...noteLost(predecessors, successor),
      ...(successor.record.addedPassthroughAddress ? [] : noteLostRecords(predecessors.all)),
      ...correctSockets(predecessors, successor),
    ];
  } finally {
    // Not before: whoever comes after a kill has to find where sockets were sent.
    for (const { path } of predecessors.all) removePinDirectory(path);
    for (const home of new Set(predecessors.all.map(({ bpffs }) => bpffs))) await leaveHome(home);
    await leaveEmptyHomes();
  }
}

function noteLost({ current }: Predecessors, { inheritsConnections, record }: Successor): string[] {
  if (current === undefined || inheritsConnections) return [];
  const { version, outbound, inbound } = current.record;
  const isTurned = outbound.port === record.inbound.port || inbound.port === record.outbound.port;
  const why = isTurned
    ? "a port of the proxy is for the other direction now"
    : version === record.version
      ? "what the installation before remembered of connections is gone"
      : `tproxyctl ${version} remembers connections in another form`;
  return [
    `${why}: connections that were redirected go on, but their applications see the proxy's address as their peer's ` +
      "(getpeername)",
  ];
}

/** UDP sockets that were connected on their way to the DNS proxy, or past it. */
function correctSockets(predecessors: Predecessors, successor: Successor): string[] {
  const { plan, record, inheritsConnections, isInPlace } = successor;
  const { base, current, leftovers } = predecessors;
  // What each socket was decided by is what would decide now.
  const isSame = current !== undefined && leftovers.length === 0 && redirectsSameDns(current.record, record);
  if (isSame && inheritsConnections && isInPlace) return [];
  const shared = new Set(successor.mapIds);
  const sockets = base && socketsOf(base);
  if (sockets !== undefined) shared.add(sockets.info.id);
  const own = leftovers.filter((each) => !shared.has(socketsOf(each)?.info.id ?? 0));
  return [
    ...own.flatMap(releaseSockets),
    ...asCourtesy(() => {
      const redirections = redirectionsOf(predecessors.all.map((each) => each.record));
      if (sockets === undefined || redirections.length === 0)
        return correctDnsSockets(plan, record.cgroupPath);
      return correctDnsSockets(plan, record.cgroupPath, {
        sockets,
        redirections,
        inherited: inheritsConnections,
      });
    }),
  ];
}

function socketsOf(installed: Installed): BpfMap | undefined {
  return installed.findMap("tp_sockets");
}
