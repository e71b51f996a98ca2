// SPDX-License-Identifier: Apache-2.0
import { type ResolvedConfig, resolveConfig } from "../../config/resolve-config.ts";
import type { SettingName } from "../../config/setting.ts";
import { statusOfEbpf } from "../../engine/ebpf/uninstall.ts";
import { readHostFacts } from "../../engine/host-facts.ts";
import { IptablesEngine } from "../../engine/iptables/engine.ts";
import { type InstallationStatus, joinStatus, stateFindings } from "../../engine/join-status.ts";
import { readNetns } from "../../engine/netns.ts";
import { makePlan } from "../../plan/make-plan.ts";
import type { Plan } from "../../plan/plan.ts";
import { planFromJson } from "../../plan/plan-from-json.ts";
import { keptPlan } from "../../plan/plan-json.ts";
import type { CommandIo } from "../io.ts";
import type { VerifyOptions } from "../options.ts";
import { isRoot } from "../require-root.ts";
import type { CheckResult } from "./check.ts";

/** What is installed, as far as this user may look; more than one is the mark of a change that did not end. */
export type Installations = readonly InstallationStatus[];

export async function readInstallations(
  bpffsPath: string | undefined,
  io: CommandIo,
): Promise<Installations> {
  const netns = readNetns();
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const rules = await iptables.status(netns);
  return joinStatus(statusOfEbpf(netns, bpffsPath), rules);
}

/**
 * The plan that has to be executed: that of the configuration where there is any, else the one that the installation
 * keeps, else that of the defaults. Who is not root may be the proxy, and is where nobody says who that is.
 */
export function planFor(
  installations: Installations,
  { config, sources }: ResolvedConfig,
  { likeKumactl }: Pick<VerifyOptions, "likeKumactl">,
): { readonly plan: Plan; readonly notes: readonly string[] } {
  const kept = installations.map(({ record }) => keptPlan(record)).find((plan) => plan !== undefined);
  if (kept !== undefined && !isGiven(sources)) return { plan: planFromJson(kept), notes: [] };
  const isOwn = !isRoot() && (config.kumaDPUser === "" || likeKumactl);
  const kumaDPUser = isOwn ? String(process.geteuid?.() ?? "") : config.kumaDPUser;
  const plan = makePlan(config, readHostFacts({ ...config, kumaDPUser }));
  const note = `user ${kumaDPUser} is taken for the proxy's; --kuma-dp-user names another one`;
  return { plan, notes: isOwn && !likeKumactl ? [note] : [] };
}

/** Settings that say where to look, or what to print, and not what is intercepted. */
const BESIDE: ReadonlySet<SettingName> = new Set(["ebpf.bpffsPath", "verbose", "dryRun"]);

function isGiven(sources: ResolvedConfig["sources"]): boolean {
  return [...sources].some(([key, source]) => source !== "default" && !BESIDE.has(key));
}

/** Whether what is installed is there as a whole: this is what stands for connections that cannot be made from here. */
export function judgeState(installations: Installations): CheckResult {
  const about = { name: "state", family: undefined, proof: false, what: "what is installed" } as const;
  const [installed, ...others] = installations;
  if (installed === undefined) {
    return {
      ...about,
      state: "failed",
      found: "nothing is installed in this network namespace",
      expected: "programs or rules should be there",
      remedy: "`tproxyctl install transparent-proxy` installs them.",
    };
  }
  if (installed.engine === "iptables" && installed.record === undefined && others.length === 0) {
    return { ...about, state: "not-tried", found: "nothing is written down of the rules that are there" };
  }
  const damage = damageOf(installed);
  if (others.length > 0) damage.push("there is a second installation");
  if (damage.length === 0)
    return { ...about, state: "ok", found: `is all there (engine: ${installed.engine})` };
  return {
    ...about,
    state: "failed",
    found: damage.join("; "),
    expected: "all of it should be there",
    remedy: "`tproxyctl status` shows all of it, and `tproxyctl install` sets it right.",
  };
}

function damageOf(status: InstallationStatus): string[] {
  return stateFindings(status)
    .filter(({ degrades }) => degrades)
    .map(({ message }) => message);
}

/** The cgroup that the connections have to be made in, where they are intercepted in one alone. */
export function cgroupOf(installations: Installations): string | undefined {
  const ebpf = installations.find((each) => each.engine === "ebpf");
  return ebpf?.engine === "ebpf" ? ebpf.record.cgroupPath : undefined;
}
