// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../config/config.ts";
import { writeConfig } from "../config/written-config.ts";
import { formatEndpoint } from "../core/address.ts";
import { TproxyError } from "../core/errors.ts";
import { Undo } from "../core/undo.ts";
import { describeFallback, type Fallback, wishOf, withEngine } from "../engine/choose-engine.ts";
import { describeInstallation } from "../engine/describe-installation.ts";
import { describeTakeOver } from "../engine/describe-take-over.ts";
import { EbpfEngine } from "../engine/ebpf/engine.ts";
import type { EngineName, InstallReport } from "../engine/engine.ts";
import { readHostFacts } from "../engine/host-facts.ts";
import { IptablesEngine } from "../engine/iptables/engine.ts";
import { removeStoredRules } from "../engine/iptables/firewalld/store.ts";
import { tryReadRecord } from "../engine/iptables/record.ts";
import { requireSupport } from "../engine/iptables/require.ts";
import { describeStoring } from "../engine/persistence/describe-storing.ts";
import { storeWithInstallation } from "../engine/persistence/store-with-installation.ts";
import { type Engines, installWithEbpf, installWithIptables } from "../engine/take-over.ts";
import { isLinux } from "../host/kernel.ts";
import { lockNamespace } from "../host/lock.ts";
import { readNetns } from "../host/netns.ts";
import { makePlan } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { CommandIo } from "./io.ts";
import type { InstallOptions } from "./options.ts";
import { isRoot, requireRoot } from "./require-root.ts";

/** Puts this network namespace behind the proxy. Exit status 0: it is. */
export async function runInstall(config: Config, options: InstallOptions, io: CommandIo): Promise<number> {
  if (!isLinux()) throw new TproxyError("NOT_LINUX", "a network namespace can be intercepted on Linux only");
  const engines = {
    ebpf: new EbpfEngine(config),
    iptables: new IptablesEngine(config, (line) => io.note(line)),
  };
  if (config.dryRun) return dryRun(config, options, engines, io);
  requireRoot("install");
  using _lock = await lockNamespace(readNetns().inode);
  const plan = makePlan(config, readHostFacts(config));
  const recorded = tryReadRecord(plan.netns).record?.applied ?? [];
  await using undo = new Undo();
  const stored = await storeWithInstallation(plan.netns, writeConfig(config), options, undo);
  const install = async (name: EngineName) => {
    if (config.verbose)
      for (const line of (await describeInstallation(name, engines, plan)).text) io.note(line);
    return name === "ebpf" ? installWithEbpf(engines, plan) : installWithIptables(engines, plan);
  };
  const { engine, result } = await withEngine(wishOf(config), install, noteFallback(plan, io));
  undo.keep();
  const unstored = engine === "ebpf" ? await removeStoredRules(plan.netns, recorded) : [];
  for (const note of [...plan.notes, ...result.notes, ...stored, ...unstored]) io.note(`note: ${note}`);
  if (engine === "ebpf" && config.storeFirewalld) io.note(`warning: ${NOTHING_TO_STORE}`);
  noteListeners(result, plan, io);
  const how = result.replaced ? ", changed in place" : "";
  io.out(`# transparent proxy setup completed successfully (engine: ${engine}${how})`);
  return 0;
}

const NOTHING_TO_STORE =
  "storing with firewalld does nothing with eBPF, which has no rules; --store-systemd brings programs back";

async function dryRun(
  config: Config,
  options: InstallOptions,
  engines: Engines,
  io: CommandIo,
): Promise<number> {
  if (!isRoot())
    io.note("warning: without root not everything can be looked at: what install does may differ");
  const plan = makePlan(config, readHostFacts(config));
  const describe = async (name: EngineName) => {
    const { text, notes } = await describeInstallation(name, engines, plan);
    const removed = isRoot() ? await describeTakeOver(name, engines, plan) : [];
    const stored = isRoot() ? describeStoring(plan.netns, config, options, name) : [];
    return { text, notes: [...notes, ...removed, ...stored] };
  };
  const { result } = await withEngine(wishOf(config), describe, noteFallback(plan, io));
  for (const note of [...plan.notes, ...result.notes]) io.note(`note: ${note}`);
  for (const line of result.text) io.out(line);
  return 0;
}

/** At once: where iptables fails as well, both reasons count. */
function noteFallback(plan: Plan, io: CommandIo): (fallback: Fallback) => void {
  return (fallback) => {
    requireSupport(plan); // or it would not be true that iptables takes over
    io.note(describeFallback(fallback));
  };
}

/** A proxy that is not there yet is worth a word: until then nothing works, or nothing is intercepted. */
function noteListeners({ listeners }: InstallReport, plan: Plan, io: CommandIo): void {
  for (const [direction, { redirect, port }] of [
    ["outbound", plan.outbound] as const,
    ["inbound", plan.inbound] as const,
  ]) {
    if (!redirect) continue;
    const where = listeners
      .filter((each) => each.port === port)
      .map((each) => formatEndpoint(each.address, port));
    if (where.length > 0) io.note(`# ${direction}: the proxy listens on ${[...new Set(where)].join(", ")}`);
    else {
      const what = plan.whenProxyDown === "bypass" ? "go where they want" : "are refused";
      io.note(`# ${direction}: nothing listens on port ${port} yet; until then these connections ${what}`);
    }
  }
}
