// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { writeConfig } from "../../config/written-config.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { findListeners } from "../../host/listeners.ts";
import type { Destination } from "../../plan/judge-lock-out.ts";
import type { Plan } from "../../plan/plan.ts";
import { keptPlan, type PlanJson } from "../../plan/plan-json.ts";
import type { Description, Engine, InstallReport } from "../engine.ts";
import { readNetns } from "../netns.ts";
import { allExecutables } from "./all-executables.ts";
import { type Applied, apply } from "./apply.ts";
import { areBesidePrograms, planOfNetworks } from "./beside-programs.ts";
import { contextOf, noteDocker, styleOf } from "./context.ts";
import { describePlan } from "./describe.ts";
import type { Executables } from "./executables.ts";
import { checkedStoring } from "./firewalld/store.ts";
import { addGuard, guardRule, removeGuard } from "./guard.ts";
import { describeHooks } from "./hooks.ts";
import { isInstallation } from "./keep-connections.ts";
import { hasOurs, lookAtAll, type Present } from "./look.ts";
import { type MakeRules, makeNetworkRules, makeRules } from "./make-rules.ts";
import { ownsPassthroughAddress } from "./passthrough.ts";
import { requirePermission } from "./permission.ts";
import { prepare, type Tools } from "./prepare.ts";
import { prepareNetworks } from "./prepare-networks.ts";
import { requireReadable } from "./readable.ts";
import { type IptablesRecord, readRecord, removeRecord, tryReadRecord } from "./record.ts";
import { type RemoveOptions, removeAll } from "./remove.ts";
import { requireSupport } from "./require.ts";
import type { RestoreOptions } from "./restore.ts";
import type { Style } from "./rule.ts";
import { type IptablesStatus, readStatus } from "./status.ts";
import { traceInbound } from "./trace-inbound.ts";
import { removeRules } from "./transaction.ts";
import type { BesidePrograms, Work } from "./work.ts";

/** What there is of this engine, for one that takes its place. */
export interface FoundRules {
  /** An installation of this engine. False: rules beside programs, or what connections need whose rules are gone. */
  readonly redirects: boolean;
  /** They are those of virtual networks, beside programs of eBPF. */
  readonly besidePrograms: boolean;
  /** Of the rules beside programs, if it is known. */
  readonly plan: PlanJson | undefined;
  readonly ownsPassthroughAddress: boolean;
  /** Where they send connections, if that was written down. */
  readonly ports: ProxyPorts | undefined;
}

/** The proxy's, 1–65535. */
export interface ProxyPorts {
  readonly outbound: number;
  readonly inbound: number;
}

interface IptablesReport extends InstallReport {
  readonly redirectsIpv6: boolean;
}

/** Rules in the tables of iptables, nft or legacy: kumactl's, done by iptables-restore. */
export class IptablesEngine implements Engine {
  readonly name = "iptables";
  readonly #config: Config;
  readonly #restore: RestoreOptions;

  /** @param note takes one line for the user, at once: a try that failed and will be repeated */
  constructor(config: Config, note: (line: string) => void) {
    this.#config = config;
    const { wait, waitInterval, retry } = config;
    this.#restore = { wait, waitInterval, ...retry, note };
  }

  async describe(plan: Plan): Promise<Description> {
    requireSupport(plan);
    return describePlan(plan, this.#config, makeRules);
  }

  /** Of `installNetworks`. */
  describeNetworks(plan: Plan): Promise<Description> {
    return describePlan(planOfNetworks(plan), this.#config, makeNetworkRules);
  }

  /** @param guardedPort the inbound port of an eBPF installation that is still there */
  async install(plan: Plan, guardedPort?: number): Promise<IptablesReport> {
    requireSupport(plan);
    requirePermission([]);
    const tools = await prepare(plan, this.#config);
    const guard = guardedPort === undefined ? undefined : guardRule(plan.proxyUser.uid, guardedPort);
    const work = await this.#plan(plan, tools, makeRules);
    const redirectsIpv6 = work.targets.some(({ executables }) => executables.family === 6);
    const config = writeConfig(this.#config);
    const storing = await checkedStoring(plan.netns, tools, work.record, this.#config.storeFirewalld);
    const applied = await apply(redirectsIpv6 ? plan : withoutPassthrough(plan), {
      ...work,
      ...storing,
      guard,
      config,
    });
    const docker = work.present.flatMap(({ snapshot }) => noteDocker(plan, this.#config, snapshot));
    return {
      replaced: applied.replaced,
      redirectsIpv6,
      listeners: findListeners(new Set([plan.outbound.port, plan.inbound.port])),
      notes: [...tools.notes, ...applied.notes, ...new Set(docker), ...noteUnrecorded(applied, work.style)],
    };
  }

  /**
   * What rules for the virtual networks of a plan are applied with. Changes nothing.
   *
   * @throws TproxyError CAPABILITY_MISSING; IPTABLES_UNUSABLE, IPTABLES_FAILED where the kernel cannot have such rules
   */
  async prepareNetworks(plan: Plan): Promise<Tools> {
    requirePermission([]);
    return prepareNetworks(plan, this.#config);
  }

  /**
   * The rules of the virtual networks, beside the programs of the eBPF engine, in the place of all rules of ours that are
   * there.
   *
   * @param tools of `prepareNetworks`
   * @returns what the user should know, one sentence each
   */
  async installNetworks(plan: Plan, tools: Tools, beside: BesidePrograms): Promise<string[]> {
    const networks = planOfNetworks(plan);
    const work = await this.#plan(networks, tools, makeNetworkRules);
    // What firewalld has stored of ours becomes these: its reload, which removes all rules, then brings them back.
    const storing = await checkedStoring(plan.netns, tools, work.record, false);
    const applied = await apply(networks, { ...work, ...storing, guard: undefined, beside });
    return [...tools.notes, ...applied.notes, ...noteUnrecorded(applied, work.style)];
  }

  async #plan(plan: Plan, tools: Tools, make: MakeRules): Promise<Omit<Work, "guard">> {
    const record = readRecord(plan.netns);
    const all = await allExecutables({ chosen: tools.executables, record });
    requirePermission(all.map(({ mode }) => mode));
    const present = await lookAtAll(all, record);
    const targets = present
      .filter(({ executables }) => tools.executables.includes(executables))
      .map(({ executables, snapshot }) => {
        const context = contextOf(plan, this.#config, tools.modules, snapshot);
        return { executables, set: make(plan, executables.family, context) };
      });
    for (const each of present) {
      const target = targets.find(({ executables }) => executables === each.executables);
      requireReadable(each, target?.set.tables.map(({ table }) => table) ?? [], record);
    }
    const style = styleOf(this.#config, tools.modules);
    return { targets, style, present, record, restore: this.#restore };
  }

  /** Undefined where nothing of ours or of kumactl is there, and nothing is written down. */
  async find(netns: NetnsFact): Promise<FoundRules | undefined> {
    const record = readRecord(netns);
    const present = await lookAtAll(await this.#executables(record), record);
    if (!present.some(hasOurs) && record === undefined) return undefined;
    const installed = present.filter(isInstallation);
    const besidePrograms = installed.length > 0 && areBesidePrograms(installed, record);
    return {
      redirects: installed.length > 0 && !besidePrograms,
      besidePrograms,
      plan: besidePrograms ? keptPlan(record) : undefined,
      ownsPassthroughAddress: ownsPassthroughAddress(present, record),
      ports: record && { outbound: record.outbound.port, inbound: record.inbound.port },
    };
  }

  /** Where `find` finds nothing: a command that was killed may have left a record that does not count. */
  forget(netns: NetnsFact): void {
    removeRecord(netns);
  }

  async status(netns: NetnsFact): Promise<IptablesStatus | undefined> {
    const record = readRecord(netns);
    return readStatus(record, await this.#executables(record));
  }

  /** Where the rules that are there, whoever made them, send what comes from outside. */
  async inboundInForce(netns: NetnsFact): Promise<Destination> {
    const record = readRecord(netns);
    const present = await lookAtAll(await this.#executables(record), record);
    return (way) => traceInbound(present, way);
  }

  async remove(netns: NetnsFact, options: RemoveOptions = {}): Promise<string[]> {
    const found = tryReadRecord(netns);
    return removeAll(netns, found, await this.#executables(found.record), this.#restore, options);
  }

  /** What `remove` would do: the texts for iptables-restore, each under its program's name, and what goes after that. */
  async describeRemoval(netns: NetnsFact): Promise<string[]> {
    const { record, damage } = tryReadRecord(netns);
    const present = await lookAtAll(await this.#executables(record), record);
    const texts = present
      .filter(hasOurs)
      .flatMap(({ executables, ours }) => [`# ${executables.restore}`, ...removeRules(ours).split("\n")]);
    const then = damage === undefined ? [] : [`# and then it would fail: ${damage.message}`];
    return [...texts, ...describeHooks(record?.madeHooks ?? []), ...then];
  }

  /** Makes room for eBPF beside the rules that are there, until one of the two is removed. */
  async addGuard(uid: number, port: number): Promise<void> {
    for (const present of await this.#rulesOfIpv4())
      await addGuard(present, guardRule(uid, port), this.#restore);
  }

  async removeGuard(uid: number, port: number): Promise<void> {
    for (const present of await this.#rulesOfIpv4())
      await removeGuard(present, guardRule(uid, port), this.#restore);
  }

  async #executables(record: IptablesRecord | undefined): Promise<Executables[]> {
    // Without permission some do not even tell what they are, and would be taken for gone.
    if (record !== undefined) requirePermission(record.applied.map(({ mode }) => mode));
    const all = await allExecutables({ given: this.#config.iptablesExecutables, record });
    if (all.length > 0) requirePermission(all.map(({ mode }) => mode));
    return all;
  }

  async #rulesOfIpv4(): Promise<readonly Present[]> {
    const all = await this.#executables(readRecord(readNetns()));
    return lookAtAll(
      all.filter(({ family }) => family === 4),
      undefined,
    );
  }
}

/** Without rules for IPv6 nobody needs ::6 on lo. */
function withoutPassthrough(plan: Plan): Plan {
  return { ...plan, passthroughAddress: "unwanted" };
}

function noteUnrecorded({ recorded }: Applied, { comments }: Style): string[] {
  if (recorded) return [];
  const why = "/run cannot be written to, so what is installed cannot be written down";
  return [
    comments
      ? `${why}; the rules are known by their comments`
      : `${why}, and rules without comments cannot be told from others': give back /run, or the comments`,
  ];
}
