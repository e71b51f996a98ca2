// SPDX-License-Identifier: Apache-2.0
import { resolveConfig } from "../config/resolve-config.ts";
import { formatAddress } from "../core/address.ts";
import type { NetnsFact } from "../core/facts.ts";
import type { InstanceStatus } from "../engine/ebpf/status.ts";
import { statusOfEbpf, uninstallEbpf } from "../engine/ebpf/uninstall.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { removeStoredRules } from "../engine/iptables/firewalld/store.ts";
import { tryReadRecord } from "../engine/iptables/record.ts";
import type { IptablesStatus } from "../engine/iptables/status.ts";
import { readNetns } from "../engine/netns.ts";
import { type Pending, removePending, tryReadPending, writePending } from "../engine/pending.ts";
import { examineStored } from "../engine/persistence/examine-stored.ts";
import { removeStoredInstallation } from "../engine/persistence/stored-installation.ts";
import { hasLoopbackAddress } from "../host/addresses.ts";
import { lockNamespace } from "../host/lock.ts";
import { PASSTHROUGH_ADDRESS } from "../plan/plan.ts";
import type { CommandIo } from "./io.ts";
import type { UninstallOptions } from "./options.ts";
import { forget } from "./pending-state.ts";
import { clockTime, isWaiting } from "./pending-timer.ts";
import { requireRoot } from "./require-root.ts";

/**
 * Undoes what install did, all of it, by whichever engine. Exit status 0: nothing of it is there, also where nothing was.
 *
 * @param untilTerminated where its signal is aborted while nothing was changed yet, it gives up; later it goes on to its end
 */
export async function runUninstall(
  options: UninstallOptions,
  io: CommandIo,
  untilTerminated: () => AbortSignal,
): Promise<number> {
  requireRoot("uninstall");
  const netns = readNetns();
  if (options.dryRun) return dryRun(netns, options, io);
  using _lock = await lockNamespace(netns.inode, { terminated: untilTerminated() });
  const waiting = wantNothing(netns);
  try {
    await removeLocked(netns, { ...options, keepStored: false }, io);
  } catch (error) {
    if (waiting !== undefined)
      io.note(`note: at ${clockTime(waiting.deadline)} it is tried once more to remove what is left`);
    throw error;
  }
  await forget(netns, waiting);
  return 0;
}

/**
 * From now on nobody puts an installation back. What waits to do that stays until all is removed, to remove what is left:
 * if we fail or are killed on the way, an installation that nobody has confirmed does not stay for good.
 *
 * @returns what waits
 */
function wantNothing(netns: NetnsFact): Pending | undefined {
  const { pending } = tryReadPending(netns);
  if (pending === undefined) return undefined;
  const waiting = { ...pending, before: undefined };
  if (isWaiting(pending) && writePending(netns, waiting)) return waiting;
  removePending(netns);
  return undefined;
}

interface RemoveOptions extends Pick<UninstallOptions, "verbose" | "bpffsPath"> {
  /** What systemd has stored stays. */
  readonly keepStored: boolean;
}

/** What `uninstall` does once it has the lock. */
export async function removeLocked(netns: NetnsFact, options: RemoveOptions, io: CommandIo): Promise<void> {
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const recorded = tryReadRecord(netns).record?.applied ?? [];
  // A firewalld that runs comes after the rules: it removes all of iptables' at once.
  const [removed = [], ...notes] = await allOf([
    () => uninstallEbpf(netns, options.bpffsPath, { note: (line) => io.note(`note: ${line}`) }),
    () => iptables.remove(netns),
    () => removeStoredRules(netns, recorded),
    async () => (options.keepStored ? [] : removeStoredInstallation(netns)),
  ]);
  if (options.verbose) for (const path of removed) io.note(`# removed the pins in ${path}`);
  for (const note of notes.flat()) io.note(`note: ${note}`);
  io.out("# transparent proxy cleanup completed successfully");
}

async function dryRun(netns: NetnsFact, options: UninstallOptions, io: CommandIo): Promise<number> {
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const ebpf = statusOfEbpf(netns, options.bpffsPath);
  // With a damaged record, it would fail before it comes to the address.
  const rules = tryReadRecord(netns).damage === undefined ? await iptables.status(netns) : undefined;
  const lines = [
    ...ebpf.map(({ pins, hooks }) => `${pins}: ${hooks.length} programs and where they are attached`),
    ...(await iptables.describeRemoval(netns)),
    ...describeAddress(ebpf, rules),
    ...examineStored(netns, undefined).lines.map((line) => `# ${line}`),
    ...(tryReadPending(netns).pending === undefined
      ? []
      : ["# what waits to put back what was there before"]),
  ];
  io.out("# dry run: this is what would be removed, nothing was changed");
  for (const line of lines) io.out(line);
  if (lines.length === 0) io.out("# nothing is installed in this network namespace");
  return 0;
}

/** kumactl, which writes nothing down, adds the address with the rules for IPv6. */
function describeAddress(ebpf: readonly InstanceStatus[], iptables: IptablesStatus | undefined): string[] {
  const isOfEbpf = ebpf.some(({ record }) => record.addedPassthroughAddress);
  const isOfIptables =
    iptables?.record?.addedPassthroughAddress ?? iptables?.rules.some(({ family }) => family === 6) ?? false;
  if ((!isOfEbpf && !isOfIptables) || !hasLoopbackAddress(PASSTHROUGH_ADDRESS)) return [];
  return [`# the address ${formatAddress(PASSTHROUGH_ADDRESS)} on lo`];
}

/** Tries each, also after one that failed: what can be removed is. */
async function allOf<T>(actions: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  const errors: unknown[] = [];
  for (const action of actions) {
    try {
      results.push(await action());
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors);
  if (errors.length === 1) throw errors[0];
  return results;
}
