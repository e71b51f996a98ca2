// SPDX-License-Identifier: Apache-2.0
import type { NetnsFact } from "../core/facts.ts";
import { type Destination, destinationUnder } from "../plan/judge-lock-out.ts";
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

/**
 * Where what is installed sends what comes from outside: by its plan, if all of it is there. By the rules as they are where
 * there is none: they are kumactl's, an older version's, or damaged. Undefined: nobody knows. Needs root.
 */
export async function findDestination(
  netns: NetnsFact,
  iptables: IptablesEngine,
): Promise<Destination | undefined> {
  const found = await findInstallation(netns, iptables);
  const kept = found?.isWhole === true ? keptPlan(found.record) : undefined;
  if (kept !== undefined) return destinationUnder(planFromJson(kept));
  return found?.engine === "iptables" ? iptables.inboundInForce(netns) : undefined;
}
