// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../core/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { planFromJson } from "../plan/plan-from-json.ts";
import { keptPlan } from "../plan/plan-json.ts";
import type { EngineName } from "./engine.ts";
import type { IptablesEngine } from "./iptables/engine.ts";
import { isWhole, joinStatus } from "./join-status.ts";
import type { CommonRecord } from "./record.ts";
import { readEbpf } from "./take-over.ts";

export interface FoundInstallation {
  readonly engine: EngineName;
  /** Undefined: kumactl's, which writes nothing down. */
  readonly record: CommonRecord | undefined;
  /** All that was installed is there. */
  readonly isWhole: boolean;
}

/** The installation of a network namespace; undefined where there is none. Needs root. */
export async function findInstallation(
  netns: NetnsFact,
  iptables: IptablesEngine,
): Promise<FoundInstallation | undefined> {
  const [status] = joinStatus(readEbpf(netns), await iptables.status(netns));
  if (status === undefined) return undefined;
  return { engine: status.engine, record: status.record, isWhole: isWhole(status) };
}

/** What it does, if that is known and all of it is there. */
export function planInForce(found: FoundInstallation | undefined): Plan | undefined {
  const kept = found?.isWhole === true ? keptPlan(found.record) : undefined;
  return kept && planFromJson(kept);
}
