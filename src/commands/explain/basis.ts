// SPDX-License-Identifier: Apache-2.0
import { type ResolvedConfig, resolveConfig } from "../../config/resolve-config.ts";
import type { SettingName } from "../../config/setting.ts";
import { TproxyError } from "../../core/errors.ts";
import { wishOf } from "../../engine/choose-engine.ts";
import { statusOfEbpf } from "../../engine/ebpf/uninstall.ts";
import type { EngineName } from "../../engine/engine.ts";
import { readHostFacts } from "../../engine/host-facts.ts";
import { IptablesEngine } from "../../engine/iptables/engine.ts";
import { requireSupport } from "../../engine/iptables/require.ts";
import { readNetns } from "../../engine/netns.ts";
import { isLinux } from "../../host/kernel.ts";
import { makePlan } from "../../plan/make-plan.ts";
import type { Plan } from "../../plan/plan.ts";
import { planFromJson } from "../../plan/plan-from-json.ts";
import { keptPlan } from "../../plan/plan-json.ts";
import type { CommandIo } from "../io.ts";
import { requireRoot } from "../require-root.ts";

/** What an answer is based on. */
export interface Basis {
  readonly plan: Plan;
  readonly engine: EngineName;
  /** Undefined: the options that were given, which nobody has to have installed. */
  readonly installedAt: string | undefined;
  /** `--flag`, `file:key`, `VARIABLE` or "default"; empty for what is installed, which no longer knows. */
  readonly sources: ReadonlyMap<SettingName, string>;
}

/**
 * The plan that the installation here executes; undefined where there is none.
 *
 * @param command who asks, for messages
 * @throws TproxyError NOT_ROOT, STATE_DAMAGED
 */
export async function planOfInstallation(
  bpffsPath: string | undefined,
  io: CommandIo,
  command = "explain",
): Promise<Basis | undefined> {
  requireLinux();
  requireRoot(command);
  const netns = readNetns();
  const iptables = new IptablesEngine(resolveConfig([]).config, (line) => io.note(line));
  const status = statusOfEbpf(netns, bpffsPath)[0] ?? (await iptables.status(netns));
  if (status === undefined) return undefined;
  const { engine, record } = status;
  const plan = keptPlan(record);
  if (record === undefined || plan === undefined) throw noPlan(engine, command);
  return {
    plan: planFromJson(plan),
    engine,
    installedAt: record.installedAt,
    sources: new Map(),
  };
}

/**
 * The plan that `install` with this configuration would make.
 *
 * @throws TproxyError OPTION_UNSUPPORTED where it would make none; USER_UNKNOWN, ConfigError
 */
export async function planOfConfig({ config, sources }: ResolvedConfig, io: CommandIo): Promise<Basis> {
  requireLinux();
  const plan = makePlan(config, await readHostFacts(config));
  for (const note of plan.notes) io.note(`note: ${note}`);
  const engine = wishOf(config) === "iptables" ? "iptables" : "ebpf";
  if (engine === "iptables") requireSupport(plan);
  return { plan, engine, installedAt: undefined, sources };
}

function requireLinux(): void {
  if (isLinux()) return;
  throw new TproxyError("NOT_LINUX", "a network namespace can be intercepted on Linux only");
}

function noPlan(engine: EngineName, command: string): TproxyError {
  return new TproxyError(
    "STATE_DAMAGED",
    `the installation of the ${engine} engine does not say what it does`,
    {
      hint:
        "It is kumactl's, or of an older version. Give the options that it was made with " +
        `(tproxyctl ${command} … --redirect-inbound-port …), or install again.`,
    },
  );
}
