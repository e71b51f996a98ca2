// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import { writeConfig } from "../config/written-config.ts";
import { TproxyError } from "../core/errors.ts";
import { Undo } from "../core/undo.ts";
import { describeFallback, type Fallback, wishOf, withEngine } from "../engine/choose-engine.ts";
import { describeInstallation } from "../engine/describe-installation.ts";
import { describeTakeOver } from "../engine/describe-take-over.ts";
import { EbpfEngine } from "../engine/ebpf/engine.ts";
import type { EngineName } from "../engine/engine.ts";
import { readHostFacts } from "../engine/host-facts.ts";
import { hasNetworks } from "../engine/iptables/beside-programs.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { removeStoredRules } from "../engine/iptables/firewalld/store.ts";
import { tryReadRecord } from "../engine/iptables/record.ts";
import { requireSupport } from "../engine/iptables/require.ts";
import { findLockOut, findLockOutAtStart } from "../engine/lock-out.ts";
import { readNetns } from "../engine/netns.ts";
import { describeStoring, findStoring } from "../engine/persistence/describe-storing.ts";
import {
  requireConfirmable,
  requireStorable,
  storeWithInstallation,
} from "../engine/persistence/store-with-installation.ts";
import { findSharedUser } from "../engine/shared-user.ts";
import { type Engines, installWithEbpf, installWithIptables } from "../engine/take-over.ts";
import { isLinux } from "../host/kernel.ts";
import { lockNamespace } from "../host/lock.ts";
import { makePlan } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { beginChange } from "./confirm-within.ts";
import { noteListeners } from "./install/note-listeners.ts";
import type { CommandIo } from "./io.ts";
import type { InstallOptions } from "./options.ts";
import { isRoot, requireRoot } from "./require-root.ts";

/**
 * Puts this network namespace behind the proxy. Exit status 0: it is.
 *
 * @param untilTerminated where its signal is aborted while nothing was changed yet, it gives up; later it goes on to its end
 */
export async function runInstall(
  config: Config,
  options: InstallOptions,
  io: CommandIo,
  untilTerminated: () => AbortSignal,
): Promise<number> {
  if (!isLinux()) throw new TproxyError("NOT_LINUX", "a network namespace can be intercepted on Linux only");
  const engines = enginesOf(config, io);
  if (config.dryRun) return dryRun(config, options, engines, io);
  requireRoot("install");
  const netns = readNetns();
  using _lock = await lockNamespace(netns.inode, { terminated: untilTerminated() });
  requireConfirmable(netns, config, options);
  requireStorable(netns, options);
  const note = (line: string) => io.note(line);
  await using change = await beginChange(netns, options.confirmWithinMs, engines.iptables, note);
  await using undo = new Undo();
  let stored: string[] | undefined;
  let warnings: readonly string[] = [];
  let atStart: string | undefined;
  await installLocked(config, io, async (plan, engine) => {
    // Of what is stored that has been decided when it was installed.
    if (!options.force && !options.stored) {
      const found = await findLockOut(plan, engine, engines.iptables);
      if (found.refusal !== undefined) throw found.refusal;
      warnings = found.warnings;
    }
    atStart = options.stored ? undefined : warnOfStart(config, options, plan, engine);
    stored ??= await storeWithInstallation(netns, writeConfig(config), options, undo);
    await change.arm();
  });
  undo.keep();
  for (const warning of warnings) io.note(`warning: ${warning}`);
  for (const note of stored ?? []) io.note(`note: ${note}`);
  if (atStart !== undefined) io.note(`warning: ${atStart}`);
  for (const line of await change.keep()) io.out(line);
  return 0;
}

/**
 * What `install` does once it has the lock, but for what systemd has stored.
 *
 * @param before is called before anything is changed, for each engine that is let try; may throw
 */
export async function installLocked(
  config: Config,
  io: CommandIo,
  before: (plan: Plan, engine: EngineName) => Promise<void> = async () => {},
): Promise<void> {
  const engines = enginesOf(config, io);
  const plan = makePlan(config, readHostFacts(config));
  const recorded = tryReadRecord(plan.netns).record?.applied ?? [];
  const install = async (name: EngineName) => {
    await before(plan, name);
    if (config.verbose)
      for (const line of (await describeInstallation(name, engines, plan)).text) io.note(line);
    return name === "ebpf" ? installWithEbpf(engines, plan) : installWithIptables(engines, plan);
  };
  const { engine, result } = await withEngine(wishOf(config), install, noteFallback(plan, io));
  // Those of virtual networks have taken their place.
  const isGone = engine === "ebpf" && !hasNetworks(plan);
  const unstored = isGone ? await removeStoredRules(plan.netns, recorded) : [];
  for (const note of [...plan.notes, ...result.notes, ...unstored]) io.note(`note: ${note}`);
  if (engine === "ebpf" && config.storeFirewalld) io.note(`warning: ${NOTHING_TO_STORE}`);
  for (const warning of findSharedUser(plan)) io.note(`warning: ${warning}`);
  noteListeners(result, plan, io);
  const how = result.replaced ? ", changed in place" : "";
  io.out(`# transparent proxy setup completed successfully (engine: ${engine}${how})`);
}

const NOTHING_TO_STORE =
  "storing with firewalld does nothing with eBPF, whose programs it does not know; --store-systemd brings them back";

/** Whoever has a proxy that runs now need not have one that starts with the host. */
function warnOfStart(
  config: Config,
  options: InstallOptions,
  plan: Plan,
  engine: EngineName,
): string | undefined {
  const { withSystemd, withFirewalld } = findStoring(plan, config, options, engine);
  const isStored = withSystemd || (withFirewalld && engine === "iptables");
  return isStored ? findLockOutAtStart(plan) : undefined;
}

function enginesOf(config: Config, io: CommandIo): Engines {
  return {
    ebpf: new EbpfEngine(config),
    iptables: new IptablesEngine(config, (line) => io.note(line)),
  };
}

async function dryRun(
  config: Config,
  options: InstallOptions,
  engines: Engines,
  io: CommandIo,
): Promise<number> {
  if (!isRoot())
    io.note("warning: without root not everything can be looked at: what install does may differ");
  const plan = makePlan(config, readHostFacts(config));
  const unstorable = isRoot() ? await refusalOf(async () => requireStorable(plan.netns, options)) : undefined;
  const describe = async (name: EngineName) => {
    const { text, notes } = await describeInstallation(name, engines, plan);
    const removed = isRoot() ? await describeTakeOver(name, engines, plan) : [];
    const stored = isRoot() && unstorable === undefined ? describeStoring(plan, config, options, name) : [];
    return { text, notes: [...notes, ...removed, ...stored] };
  };
  const { engine, result } = await withEngine(wishOf(config), describe, noteFallback(plan, io));
  for (const note of [...plan.notes, ...result.notes]) io.note(`note: ${note}`);
  for (const warning of findSharedUser(plan)) io.note(`warning: ${warning}`);
  const begin = async () => {
    const note = (line: string) => io.note(line);
    await (await beginChange(plan.netns, options.confirmWithinMs, engines.iptables, note)).check();
  };
  const lockOut = options.force ? undefined : await findLockOut(plan, engine, engines.iptables);
  for (const warning of lockOut?.warnings ?? []) io.note(`warning: ${warning}`);
  const refusals = [
    // Without root, what is kept of installations cannot be read.
    isRoot() ? await refusalOf(async () => requireConfirmable(plan.netns, config, options)) : undefined,
    unstorable,
    isRoot() ? await refusalOf(begin) : undefined,
    lockOut?.refusal,
  ];
  for (const refusal of refusals) {
    if (refusal === undefined) continue;
    io.note(`warning: install would refuse (${refusal.code}): ${refusal.message}. ${refusal.hint ?? ""}`);
  }
  const atStart =
    isRoot() && unstorable === undefined ? warnOfStart(config, options, plan, engine) : undefined;
  if (atStart !== undefined) io.note(`warning: ${atStart}`);
  for (const line of result.text) io.out(line);
  return 0;
}

async function refusalOf(act: () => Promise<unknown>): Promise<TproxyError | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (error instanceof TproxyError && error.code !== "INTERNAL") return error;
    throw error;
  }
}

/** At once: where iptables fails as well, both reasons count. */
function noteFallback(plan: Plan, io: CommandIo): (fallback: Fallback) => void {
  return (fallback) => {
    requireSupport(plan); // or it would not be true that iptables takes over
    io.note(describeFallback(fallback));
  };
}
