// SPDX-License-Identifier: Apache-2.0
import { OBJECT_STATE } from "../bpf/layouts.gen.ts";
import { TproxyError } from "../core/errors.ts";
import type { NetnsFact } from "../core/facts.ts";
import { Undo } from "../core/undo.ts";
import type { Plan } from "../plan/plan.ts";
import { planFromJson } from "../plan/plan-from-json.ts";
import { keptPlan, type PlanJson } from "../plan/plan-json.ts";
import type { AroundCommit } from "./ebpf/apply.ts";
import { leaveEmptyHomes } from "./ebpf/bpffs-home.ts";
import type { EbpfEngine } from "./ebpf/engine.ts";
import { recordsOfEbpf, requireRemoval, statusOfEbpf, uninstallEbpf } from "./ebpf/uninstall.ts";
import type { InstallReport } from "./engine.ts";
import { inheritPassthroughAddress } from "./inherit-address.ts";
import { hasNetworks } from "./iptables/beside-programs.ts";
import type { FoundRules, IptablesEngine, ProxyPorts } from "./iptables/engine.ts";
import type { Tools } from "./iptables/prepare.ts";
import { portSteps } from "./port-steps.ts";

export interface Engines {
  readonly ebpf: EbpfEngine;
  readonly iptables: IptablesEngine;
}

interface FoundEbpf extends Pick<FoundRules, "ownsPassthroughAddress"> {
  readonly ports: ProxyPorts;
  /** What outlives a change has the same layout: where nothing of it is missing, programs change in place. */
  readonly hasOurState: boolean;
}

/**
 * As long as both engines are there, they send connections to the same ports: those of before. What rules have redirected
 * comes to the programs as if it had been going to the proxy, and only of their own port do they know that it was not.
 * Where the ports change, that is one change more, in place, when the other engine has gone.
 *
 * @returns `plan` itself where they do not change, or nobody knows those of before
 */
function withPorts(plan: Plan, ports: ProxyPorts | undefined): Plan {
  const { outbound, inbound } = plan;
  if (ports === undefined || (ports.outbound === outbound.port && ports.inbound === inbound.port))
    return plan;
  return {
    ...plan,
    outbound: { ...outbound, port: ports.outbound },
    inbound: { ...inbound, port: ports.inbound },
  };
}

/**
 * Installs with iptables where eBPF may be in place. First both are there, then only iptables: at no moment neither.
 * Meanwhile eBPF has brought the proxy's own connections to loopback already, so the rules leave those alone.
 */
export async function installWithIptables({ iptables }: Engines, plan: Plan): Promise<InstallReport> {
  const previous = findEbpf(plan.netns);
  if (previous === undefined) {
    const report = await iptables.install(plan);
    await leaveEmptyHomes();
    return report;
  }
  if (plan.netns.cookie !== undefined) requireRemoval(plan.netns.cookie); // before the rules are there
  const { ports, ownsPassthroughAddress } = previous;
  const bridge = withPorts(plan, ports);
  const report = await iptables.install(
    inheritPassthroughAddress(bridge, ownsPassthroughAddress),
    ports.inbound,
  );
  // Without rules for IPv6 it does not need the address.
  const keepPassthroughAddress = plan.passthroughAddress !== "unwanted" && report.redirectsIpv6;
  const notes = [...report.notes];
  const note = (line: string) => void notes.push(line);
  await uninstallEbpf(plan.netns, undefined, { keepPassthroughAddress, note });
  await iptables.removeGuard(plan.proxyUser.uid, ports.inbound);
  if (bridge === plan) return { ...report, replaced: true, notes };
  const moved = await iptables.install(plan);
  return { ...moved, replaced: true, notes: [...new Set([...notes, ...moved.notes])] };
}

/**
 * The other way round. Rules that nobody wrote down, kumactl's, are taken over from as well. What comes from virtual
 * networks is redirected by rules beside the programs: while one set of rules takes the place of another, or of
 * none, the programs know of the networks as long as the rules are there.
 */
export async function installWithEbpf(engines: Engines, plan: Plan): Promise<InstallReport> {
  const { ebpf, iptables } = engines;
  ebpf.check(plan); // before the rules are touched
  if (hasNetworks(plan)) return installWithNetworks(engines, plan, await iptables.prepareNetworks(plan));
  const previous = await iptables.find(plan.netns);
  if (previous === undefined) {
    const report = await ebpf.install(plan);
    iptables.forget(plan.netns);
    return report;
  }
  if (previous.besidePrograms) return installWithoutNetworks(engines, plan, previous);
  const bridge = previous.redirects ? withPorts(plan, previous.ports) : plan;
  const inherited = inheritPassthroughAddress(bridge, previous.ownsPassthroughAddress);
  const report = previous.redirects
    ? await installBesideRules(engines, inherited)
    : await ebpf.install(inherited);
  const keepPassthroughAddress = plan.passthroughAddress !== "unwanted";
  const notes = await iptables.remove(plan.netns, { keepConnections: true, keepPassthroughAddress });
  if (bridge !== plan) {
    const moved = await ebpf.install(inheritPassthroughAddress(plan, previous.ownsPassthroughAddress));
    return { ...moved, replaced: true, notes: [...new Set([...report.notes, ...notes, ...moved.notes])] };
  }
  return {
    ...report,
    replaced: report.replaced || previous.redirects,
    notes: [...report.notes, ...notes],
  };
}

/** In as many changes as the ports need (`portSteps`). */
async function installWithNetworks(engines: Engines, plan: Plan, tools: Tools): Promise<InstallReport> {
  const rules = await engines.iptables.find(plan.netns);
  const programs = findEbpf(plan.netns);
  const before = rules?.redirects || rules?.besidePrograms ? rules.ports : programs?.ports;
  const wanted = { outbound: plan.outbound.port, inbound: plan.inbound.port };
  const owned = rules?.ownsPassthroughAddress === true || programs?.ownsPassthroughAddress === true;
  const isInPlace = rules?.redirects !== true && programs?.hasOurState === true;
  const reports: InstallReport[] = [];
  for (const ports of portSteps(before, wanted, isInPlace)) {
    const step = inheritPassthroughAddress(withPorts(plan, ports), owned);
    reports.push(await changeWithNetworks(engines, step, tools));
  }
  const { listeners } = reports.at(-1) ?? { listeners: [] };
  return {
    listeners,
    replaced: reports.some(({ replaced }) => replaced),
    notes: [...new Set(reports.flatMap(({ notes }) => notes))],
  };
}

/** The rules are changed when all of the programs is there but the last step, which belongs to both. */
async function changeWithNetworks(engines: Engines, plan: Plan, tools: Tools): Promise<InstallReport> {
  const { ebpf, iptables } = engines;
  const previous = await iptables.find(plan.netns);
  const notes: string[] = [];
  const around = async (commit: () => void) => {
    const keepPassthroughAddress = plan.passthroughAddress !== "unwanted";
    notes.push(...(await iptables.installNetworks(plan, tools, { commit, keepPassthroughAddress })));
  };
  const report = previous?.redirects
    ? await installBesideRules(engines, plan, around)
    : await ebpf.install(plan, around);
  return {
    ...report,
    replaced: report.replaced || previous?.redirects === true,
    notes: [...report.notes, ...notes],
  };
}

/** The rules go first: programs that do not know of networks would take what they redirect for inbound. */
async function installWithoutNetworks(
  { ebpf, iptables }: Engines,
  plan: Plan,
  { plan: rules }: FoundRules,
): Promise<InstallReport> {
  const before = rules ?? keptPlan(readEbpf(plan.netns)[0]?.record);
  await using undo = new Undo();
  undo.add("putting back the rules of the virtual networks", () => putBackNetworks(iptables, before));
  const options = { keepConnections: true, keepPassthroughAddress: true };
  const notes = await iptables.remove(plan.netns, options);
  const report = await ebpf.install(plan);
  undo.keep();
  return { ...report, notes: [...report.notes, ...notes] };
}

async function putBackNetworks(iptables: IptablesEngine, before: PlanJson | undefined): Promise<void> {
  const plan = before === undefined ? undefined : planFromJson(before);
  if (plan === undefined || !hasNetworks(plan)) return;
  const tools = await iptables.prepareNetworks(plan);
  await iptables.installNetworks(plan, tools, { commit: () => {}, keepPassthroughAddress: true });
}

async function installBesideRules(
  { ebpf, iptables }: Engines,
  plan: Plan,
  around?: AroundCommit,
): Promise<InstallReport> {
  const guard = [plan.proxyUser.uid, plan.inbound.port] as const;
  await using undo = new Undo();
  await iptables.addGuard(...guard);
  undo.add("removing the rule for the take-over", () => iptables.removeGuard(...guard));
  const report = await ebpf.install(plan, around);
  undo.keep();
  return report;
}

/** Also what a command that was killed left of one: its links may intercept already. */
function findEbpf(netns: NetnsFact): FoundEbpf | undefined {
  const records = explainFailure(() => recordsOfEbpf(netns));
  const [counting] = records;
  if (counting === undefined) return undefined;
  const ports = { outbound: counting.outbound.port, inbound: counting.inbound.port };
  return {
    ports,
    ownsPassthroughAddress: records.some((each) => each.addedPassthroughAddress),
    hasOurState: counting.state === OBJECT_STATE,
  };
}

export function readEbpf(netns: NetnsFact): ReturnType<typeof statusOfEbpf> {
  return explainFailure(() => statusOfEbpf(netns, undefined));
}

/** Where libbpf is gone since, its pins cannot be read, and not removed either. */
function explainFailure<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof TproxyError)) throw cause;
    throw new TproxyError(
      cause.code,
      `an eBPF installation is in the way that cannot be read: ${cause.message}`,
      {
        cause,
        ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      },
    );
  }
}
