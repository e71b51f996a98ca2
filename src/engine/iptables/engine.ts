// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../../core/facts.ts";
import { findListeners } from "../../host/listeners.ts";
import { readNetns } from "../../host/netns.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Description, Engine, InstallReport } from "../engine.ts";
import { allExecutables } from "./all-executables.ts";
import { apply } from "./apply.ts";
import { contextOf, noteDocker, styleOf } from "./context.ts";
import { describePlan } from "./describe.ts";
import type { Executables } from "./executables.ts";
import { addGuard, guardRule, removeGuard } from "./guard.ts";
import { describeHooks } from "./hooks.ts";
import { isInstallation } from "./keep-connections.ts";
import { hasOurs, lookAtAll, type Present } from "./look.ts";
import { makeRules } from "./make-rules.ts";
import { ownsPassthroughAddress } from "./passthrough.ts";
import { type IptablesConfig, prepare } from "./prepare.ts";
import { requireReadable } from "./readable.ts";
import { type IptablesRecord, readRecord, tryReadRecord } from "./record.ts";
import { type RemoveOptions, removeAll } from "./remove.ts";
import { requireSupport } from "./require.ts";
import type { RestoreOptions } from "./restore.ts";
import { type IptablesStatus, readStatus } from "./status.ts";
import { removeRules } from "./transaction.ts";

/** What there is of this engine, for one that takes its place. */
export interface FoundRules {
  /** False: only what connections need that were redirected by rules that are gone. */
  readonly redirects: boolean;
  readonly ownsPassthroughAddress: boolean;
}

interface IptablesReport extends InstallReport {
  readonly redirectsIpv6: boolean;
}

/** Rules in the tables of iptables, nft or legacy: kumactl's, done by iptables-restore. */
export class IptablesEngine implements Engine {
  readonly name = "iptables";
  readonly #config: IptablesConfig;
  readonly #restore: RestoreOptions;

  /** @param note takes one line for the user, at once: a try that failed and will be repeated */
  constructor(config: IptablesConfig, note: (line: string) => void) {
    this.#config = config;
    const { wait, waitInterval, retry } = config;
    this.#restore = { wait, waitInterval, ...retry, note };
  }

  async describe(plan: Plan): Promise<Description> {
    requireSupport(plan);
    return describePlan(plan, this.#config);
  }

  /** @param guardedPort the inbound port of an eBPF installation that is still there */
  async install(plan: Plan, guardedPort?: number): Promise<IptablesReport> {
    requireSupport(plan);
    const tools = await prepare(plan, this.#config);
    const record = readRecord(plan.netns);
    const all = await allExecutables({ chosen: tools.executables, record });
    const present = await lookAtAll(all, record);
    const guard = guardedPort === undefined ? undefined : guardRule(plan.proxyUser.uid, guardedPort);
    const targets = present
      .filter(({ executables }) => tools.executables.includes(executables))
      .map(({ executables, snapshot }) => {
        const context = contextOf(plan, this.#config, tools.modules, snapshot);
        return { executables, set: makeRules(plan, executables.family, context) };
      });
    for (const each of present) {
      const target = targets.find(({ executables }) => executables === each.executables);
      requireReadable(each, target?.set.tables.map(({ table }) => table) ?? [], record);
    }
    const style = styleOf(this.#config, tools.modules);
    const redirectsIpv6 = targets.some(({ executables }) => executables.family === 6);
    const { replaced, recorded, notes } = await apply(redirectsIpv6 ? plan : withoutPassthrough(plan), {
      targets,
      style,
      guard,
      present,
      record,
      restore: this.#restore,
    });
    const docker = present.flatMap(({ snapshot }) => noteDocker(plan, this.#config, snapshot));
    return {
      replaced,
      redirectsIpv6,
      listeners: findListeners(new Set([plan.outbound.port, plan.inbound.port])),
      notes: [
        ...tools.notes,
        ...notes,
        ...new Set(docker),
        ...(recorded ? [] : [noteUnrecorded(style.comments)]),
      ],
    };
  }

  /** Undefined where nothing of ours or of kumactl is there. */
  async find(netns: NetnsFact): Promise<FoundRules | undefined> {
    const record = readRecord(netns);
    const present = await lookAtAll(await this.#executables(record), record);
    if (!present.some(hasOurs)) return undefined;
    return {
      redirects: present.some(isInstallation),
      ownsPassthroughAddress: ownsPassthroughAddress(present, record),
    };
  }

  async status(netns: NetnsFact): Promise<IptablesStatus | undefined> {
    const record = readRecord(netns);
    return readStatus(record, await this.#executables(record));
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

  #executables(record: IptablesRecord | undefined): Promise<Executables[]> {
    return allExecutables({ given: this.#config.iptablesExecutables, record });
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

function noteUnrecorded(comments: boolean): string {
  const why = "/run cannot be written to, so what is installed cannot be written down";
  return comments
    ? `${why}; the rules are known by their comments`
    : `${why}, and rules without comments cannot be told from others': give back /run, or the comments`;
}
