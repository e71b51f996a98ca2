// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BpfLink } from "../../bpf/link.ts";
import { BpfMap } from "../../bpf/map.ts";
import { TproxyError } from "../../core/errors.ts";
import { removeLoopbackAddress } from "../../host/addresses.ts";
import { PASSTHROUGH_ADDRESS } from "../../plan/plan.ts";
import { leaveHome } from "./bpffs-home.ts";
import { asCourtesy } from "./courtesy.ts";
import { redirectionsOf } from "./dns-memory.ts";
import { releaseDnsSockets } from "./dns-sockets.ts";
import { detachFilter } from "./filter.ts";
import { hookKey, isAnswering } from "./hooks.ts";
import {
  currentOf,
  linkPin,
  listPinDirectories,
  mapPin,
  type PinDirectory,
  pinsOf,
  RECORD_PIN,
  removePinDirectory,
} from "./pin-directory.ts";
import { type InstanceRecord, readRecord } from "./record.ts";
import { settle } from "./settle.ts";

export interface RemoveOptions {
  /** ::6 stays on lo: whoever takes over needs it. */
  readonly keepPassthroughAddress?: boolean;
  /** Takes what the user should know, one sentence each. */
  readonly note?: (line: string) => void;
}

const SOCKETS = "tp_sockets";

/** Removes everything of one network namespace from a bpffs. Returns how many installations there were. */
export async function removeAll(bpffs: string, cookie: bigint, options: RemoveOptions = {}): Promise<number> {
  const directories = listPinDirectories(bpffs, cookie);
  for (const directory of directories) await removeInstallation(directory, undefined, options);
  await leaveHome(bpffs);
  return directories.filter((directory) => directory.state === "installed").length;
}

/**
 * Removes what an installation left that was killed on its way, and leaves the current one as it is.
 *
 * @returns what these remembered: sockets may still ask the DNS proxy's port of one of them
 */
export async function removeStagings(
  bpffs: string,
  cookie: bigint,
  note: NonNullable<RemoveOptions["note"]>,
): Promise<InstanceRecord[]> {
  const directories = listPinDirectories(bpffs, cookie);
  const current = currentOf(directories);
  const records: InstanceRecord[] = [];
  for (const directory of directories.filter((each) => each !== current)) {
    const record = await removeInstallation(directory, current, { note });
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** A link or an address that `current` has too stays. Returns what the installation remembered. */
async function removeInstallation(
  directory: PinDirectory,
  current?: PinDirectory,
  { keepPassthroughAddress = false, note }: RemoveOptions = {},
): Promise<InstanceRecord | undefined> {
  const record = tryReadRecord(directory.path);
  const needed = current && tryReadRecord(current.path);
  for (const filter of record?.filters ?? []) {
    if (!needed?.filters.some((other) => other.index === filter.index)) detachFilter(filter);
  }
  const kept = new Set(current && linkIds(current.path));
  const answering = new Set((record?.hooks ?? []).filter(isAnswering).map(hookKey));
  detachLinks(directory.path, kept, (key) => !answering.has(key));
  if (record !== undefined && current === undefined) await settle(record);
  detachLinks(directory.path, kept);
  const keep = keepPassthroughAddress || needed?.addedPassthroughAddress === true;
  if (record?.addedPassthroughAddress && !keep) removeLoopbackAddress(PASSTHROUGH_ADDRESS);
  try {
    if (record !== undefined && isLast(record, needed))
      for (const line of asCourtesy(() => releaseSockets(directory.path, record))) note?.(line);
  } finally {
    removePinDirectory(directory.path);
  }
  return record;
}

/** Nobody goes on with its sockets. Maps of another layout are not taken over. */
function isLast({ abi }: InstanceRecord, current: InstanceRecord | undefined): boolean {
  return current?.abi !== abi;
}

/** One that was killed early has no map to tell of sockets: it has not redirected any. */
function releaseSockets(directory: string, record: InstanceRecord): string[] {
  const redirections = redirectionsOf([record]);
  if (redirections.length === 0 || !pinsOf(directory, "map").includes(SOCKETS)) return [];
  using sockets = BpfMap.open(join(directory, mapPin(SOCKETS)));
  return releaseDnsSockets({ sockets, redirections, inherited: false });
}

/**
 * Detaches the links in a directory that are meant, but for those with the ids `kept`. What redirects goes first, what
 * answers last: the opposite of the order in which they came. Detached is detached at once; removing a pin
 * alone leaves that to the kernel's own time.
 */
export function detachLinks(
  directory: string,
  kept: ReadonlySet<number>,
  isMeant: (key: string) => boolean = () => true,
): void {
  for (const key of inDetachOrder(directory).filter(isMeant)) {
    using link = BpfLink.open(join(directory, linkPin(key)));
    if (!kept.has(link.info().id)) link.detach();
  }
}

/** As the record says, backwards; a link that it does not know comes first. */
function inDetachOrder(directory: string): string[] {
  const order = (tryReadRecord(directory)?.hooks ?? []).map(hookKey);
  const rank = (key: string) => (order.includes(key) ? order.indexOf(key) : order.length);
  return pinsOf(directory, "link").sort((a, b) => rank(b) - rank(a));
}

function linkIds(directory: string): number[] {
  return pinsOf(directory, "link").map((key) => {
    using link = BpfLink.open(join(directory, linkPin(key)));
    return link.info().id;
  });
}

/**
 * The record is the first thing that is pinned: without it there is nothing else to know. One that cannot be
 * read, of another version for example, does not keep anybody from removing what is pinned beside it.
 */
function tryReadRecord(directory: string): InstanceRecord | undefined {
  const path = join(directory, RECORD_PIN);
  if (!existsSync(path)) return undefined;
  try {
    return readRecord(path);
  } catch (error) {
    if (error instanceof TproxyError && error.code === "STATE_DAMAGED") return undefined;
    throw error;
  }
}
