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
import { attachBeside, attachInPlace } from "./attach-in-order.ts";
import { claimStaging, leaveHome } from "./bpffs-home.ts";
import { takeOverCounters } from "./counters.ts";
import { redirectsDns } from "./encode-dns.ts";
import type { Features } from "./features.ts";
import { planFilter } from "./filter.ts";
import { chooseHooks, type Hook } from "./hooks.ts";
import { loadPrograms } from "./load.ts";
import { makeRecord } from "./make-record.ts";
import { chooseMaps, READ_ONLY_DATA } from "./maps.ts";
import { openPrograms } from "./object-file.ts";
import {
  makeStaging,
  mapPin,
  programPin,
  promoteStaging,
  RECORD_PIN,
  removePinDirectory,
  stagingPath,
} from "./pin-directory.ts";
import { Predecessors } from "./predecessors.ts";
import { type InstanceRecord, writeRecord } from "./record.ts";
import { settle, settleHandshakes } from "./settle.ts";
import { supersede } from "./supersede.ts";

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
 * Intercepts as `wanted` says, all of it or nothing. An installation that is there is changed in place (`attachInPlace`,
 * `attachBeside`); so is what a killed command left of one.
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
  using predecessors = Predecessors.find(place.bpffs, place.cookie);
  const { base: previous, current } = predecessors;
  const plan = inheritPassthroughAddress(
    wanted,
    predecessors.all.some(({ record }) => record.addedPassthroughAddress),
  );
  const hooks = chooseHooks(plan, features);
  const inherited = loadPrograms(object, plan, features, hooks, previous);

  const filters = features.tcx
    ? []
    : hooks.filter((hook) => hook.kind === "tc").map((hook) => planFilter(hook, predecessors));
  const generation = predecessors.nextGeneration;
  const staging = stagingPath(place.bpffs, place.cookie, generation);
  using attacher = new Attacher({ cgroup: place.cgroup, tcx: features.tcx, predecessors, staging });
  await using undo = new Undo();
  await claimStaging(place.bpffs, place.cookie, generation);
  undo.add(`removing ${staging}`, async () => {
    removePinDirectory(staging);
    await leaveHome(place.bpffs);
  });
  const reminder =
    predecessors.all.length === 0 && redirectsDns(plan) ? makeReminder(place, undo) : undefined;
  const record = makeRecord(plan, place.cgroup, { hooks, filters }, previous?.record, config);
  using recordMap = writeRecord(record);
  recordMap.pin(join(staging, RECORD_PIN));
  pinObject(object, hooks, staging);
  // Before IPv6 comes in: the proxy binds to it. It may be there already: from the other engine, whose place we take.
  if (plan.passthroughAddress === "missing" && addLoopbackAddress(PASSTHROUGH_ADDRESS))
    undo.add("removing ::6 from lo", () => void removeLoopbackAddress(PASSTHROUGH_ADDRESS));
  const isBeside = previous !== undefined && !inherited.connections;
  const adopt = () => adoptListeners(object, plan, inherited);
  const settle = () => settleOwn(object, record);
  const { listeners, owners } = isBeside
    ? attachBeside(object, attacher, { hooks, undo, adopt, settle })
    : attachInPlace(object, attacher, {
        hooks,
        undo,
        adopt,
        settle: current === undefined ? settle : undefined,
      });
  if (previous !== undefined && !inherited.counters) takeOverCounters(object, previous);
  attacher.pinRest();
  await around(() => {
    promoteStaging(place.bpffs, place.cookie, generation);
    undo.keep();
  });
  const successor = {
    ...{ record, plan, inheritsConnections: inherited.connections },
    isInPlace: attacher.isInPlace(hooks.filter((hook) => hook.kind === "cgroup")),
    linkIds: new Set([...attacher.links.values()].map((link) => link.info().id)),
    mapIds: new Set(chooseMaps(hooks).needed.map((name) => object.map(name).info.id)),
  };
  const notes = await supersede(predecessors, successor);
  if (reminder !== undefined) removePinDirectory(reminder);
  return { record, listeners, owners, replaced: current !== undefined, notes };
}

/**
 * UDP sockets that are older than a first installation are seen to when it is in place. Until that is done there is a
 * directory of one that is under way: where this is killed, `status` says so, and the next command sees to them. In the
 * place of another one, that one's directory says it.
 */
function makeReminder({ bpffs, cookie }: Place, undo: Undo): string {
  const path = makeStaging(bpffs, cookie, 0);
  undo.add(`removing ${path}`, () => removePinDirectory(path));
  return path;
}

/** Of connections that the programs of `object` redirected. */
async function settleOwn(object: BpfObject, record: InstanceRecord): Promise<void> {
  await settleHandshakes(object.map("tp_handshakes"));
  await settle([record]);
}

function pinObject(object: BpfObject, hooks: readonly Hook[], directory: string): void {
  for (const name of chooseMaps(hooks).needed) object.map(name).pin(join(directory, mapPin(name)));
  object.map(READ_ONLY_DATA).pin(join(directory, mapPin(READ_ONLY_DATA)));
  // One program may be at several hooks: tc on each interface.
  const programs = new Set(hooks.map((hook) => hook.program));
  for (const name of programs) object.program(name).pin(join(directory, programPin(name)));
}
