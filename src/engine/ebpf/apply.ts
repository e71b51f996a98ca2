// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { BpfObject } from "../../bpf/object.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import type { ListenerFact } from "../../core/facts.ts";
import { Undo } from "../../core/undo.ts";
import { addLoopbackAddress, removeLoopbackAddress } from "../../host/addresses.ts";
import type { SocketOwners } from "../../host/socket-owner.ts";
import { PASSTHROUGH_ADDRESS, type Plan } from "../../plan/plan.ts";
import { inheritPassthroughAddress } from "../inherit-address.ts";
import { adoptListeners } from "./adopt.ts";
import { Attacher } from "./attach.ts";
import { claimStaging, leaveHome } from "./bpffs-home.ts";
import { asCourtesy } from "./courtesy.ts";
import { redirectionsOf, redirectsSameDns } from "./dns-memory.ts";
import { correctDnsSockets } from "./dns-sockets.ts";
import type { Features } from "./features.ts";
import { detachFilter, planFilter } from "./filter.ts";
import { chooseHooks, type Hook, isAnswering } from "./hooks.ts";
import { Installed } from "./installed.ts";
import { type Inheritance, loadPrograms } from "./load.ts";
import { makeRecord } from "./make-record.ts";
import { chooseMaps, READ_ONLY_DATA } from "./maps.ts";
import { openPrograms } from "./object-file.ts";
import {
  linkPin,
  mapPin,
  programPin,
  promoteStaging,
  RECORD_PIN,
  removePinDirectory,
} from "./pin-directory.ts";
import { type InstanceRecord, writeRecord } from "./record.ts";
import { detachLinks, removeStagings } from "./remove.ts";

/** Where an installation is put. All of it exists. */
export interface Place {
  /** Of the network namespace. */
  readonly cookie: bigint;
  readonly cgroup: string;
  /** A directory on a bpffs. */
  readonly bpffs: string;
  /** Of prebuilt programs; "": those of the package. */
  readonly programs: string;
}

export interface Applied {
  readonly record: InstanceRecord;
  /** The sockets on which the proxy listens already. */
  readonly listeners: readonly ListenerFact[];
  readonly owners: SocketOwners;
  readonly replaced: boolean;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Does what belongs to the installation and is not of this engine, and calls `commit` as the last step of it. */
export type AroundCommit = (commit: () => void) => Promise<void>;

/**
 * Intercepts as `wanted` says, all of it or nothing. An installation that is there is changed in place: its
 * links get the new programs one by one, and each connection is decided by one program, old or new.
 *
 * The record comes first: what no pin holds (tc filters, ::6 on lo) is written down before it is there, so that
 * it is found if this is killed.
 *
 * @param config what the plan was made of, for the record
 */
export async function apply(
  wanted: Plan,
  place: Place,
  features: Features,
  config: WrittenConfig,
  around: AroundCommit = async (commit) => commit(),
): Promise<Applied> {
  using object = openPrograms(place.programs);
  const notes: string[] = [];
  const killed = await removeStagings(place.bpffs, place.cookie, (line) => void notes.push(line));
  using previous = Installed.find(place.bpffs, place.cookie);
  const plan = inheritPassthroughAddress(wanted, previous?.record.addedPassthroughAddress ?? false);
  const hooks = chooseHooks(plan, features);
  const inherited = loadPrograms(object, plan, features, hooks, previous);

  const filters = features.tcx
    ? []
    : hooks.filter((hook) => hook.kind === "tc").map((hook) => planFilter(hook, previous));

  await using undo = new Undo();
  const generation = (previous?.generation ?? 0) + 1;
  const staging = await claimStaging(place.bpffs, place.cookie, generation);
  undo.add(`removing ${staging}`, async () => {
    removePinDirectory(staging);
    await leaveHome(place.bpffs);
  });
  const record = makeRecord(plan, place.cgroup, { hooks, filters }, previous?.record, config);
  using recordMap = writeRecord(record);
  recordMap.pin(join(staging, RECORD_PIN));
  using attacher = new Attacher({ cgroup: place.cgroup, tcx: features.tcx, previous, undo });
  attacher.attachAll(object, hooks.filter(isAnswering));
  const { listeners, owners } = adoptListeners(object, plan, inherited.listeners);
  attacher.attachAll(
    object,
    hooks.filter((hook) => !isAnswering(hook)),
  );

  pinAll(object, attacher, hooks, staging);
  if (plan.passthroughAddress === "missing") {
    // It may be there all the same: from the other engine, whose place we take.
    if (addLoopbackAddress(PASSTHROUGH_ADDRESS))
      undo.add("removing ::6 from lo", () => void removeLoopbackAddress(PASSTHROUGH_ADDRESS));
  }
  await around(() => {
    promoteStaging(place.bpffs, place.cookie, generation);
    undo.keep();
  });
  if (previous !== undefined) supersede(previous, record, attacher);
  try {
    const isSame =
      previous !== undefined &&
      inherited.connections &&
      killed.length === 0 &&
      redirectsSameDns(previous.record, record) &&
      attacher.isInPlace(hooks.filter((hook) => hook.kind === "cgroup"));
    // What each socket was decided by is what would decide now.
    if (!isSame) notes.push(...correctSockets(plan, place.cgroup, { previous, killed, inherited }));
  } finally {
    // Not before: whoever comes after a kill has to find where sockets were sent.
    if (previous !== undefined) removePinDirectory(previous.path);
  }
  return { record, listeners, owners, replaced: previous !== undefined, notes };
}

function pinAll(object: BpfObject, attacher: Attacher, hooks: readonly Hook[], directory: string): void {
  for (const name of chooseMaps(hooks).needed) object.map(name).pin(join(directory, mapPin(name)));
  object.map(READ_ONLY_DATA).pin(join(directory, mapPin(READ_ONLY_DATA)));
  // One program may be at several hooks: tc on each interface.
  const programs = new Set(hooks.map((hook) => hook.program));
  for (const name of programs) object.program(name).pin(join(directory, programPin(name)));
  for (const [key, link] of attacher.links) link.pin(join(directory, linkPin(key)));
}

/** Takes away what only the installation before had. */
function supersede(previous: Installed, record: InstanceRecord, attacher: Attacher): void {
  detachLinks(previous.path, new Set([...attacher.links.values()].map((link) => link.info().id)));
  const kept = new Set(record.filters.map((filter) => filter.index));
  for (const filter of previous.record.filters) if (!kept.has(filter.index)) detachFilter(filter);
  if (previous.record.addedPassthroughAddress && !record.addedPassthroughAddress) {
    removeLoopbackAddress(PASSTHROUGH_ADDRESS);
  }
}

interface Before {
  readonly previous: Installed | undefined;
  readonly killed: readonly InstanceRecord[];
  readonly inherited: Inheritance;
}

/** Those that were connected on their way to the DNS proxy, or past it. */
function correctSockets(plan: Plan, cgroup: string, { previous, killed, inherited }: Before): string[] {
  return asCourtesy(() => {
    const redirections = previous === undefined ? [] : redirectionsOf([previous.record, ...killed]);
    const isRemembered = previous?.mapNames().includes("tp_sockets") === true;
    if (previous === undefined || !isRemembered || redirections.length === 0)
      return correctDnsSockets(plan, cgroup);
    const sockets = previous.map("tp_sockets");
    return correctDnsSockets(plan, cgroup, { sockets, redirections, inherited: inherited.connections });
  });
}
