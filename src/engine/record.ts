// SPDX-License-Identifier: Apache-2.0
import type { WrittenConfig } from "../config/written-config.ts";
import { formatAddress } from "../core/address.ts";
import { VERSION } from "../core/version.ts";
import type { DirectionPlan, Plan } from "../plan/plan.ts";
import { type PlanJson, planToJson } from "../plan/plan-json.ts";

/** What every engine remembers of an installation, for `status`. */
export interface CommonRecord {
  /** Of the program that installed. */
  readonly version: string;
  readonly installedAt: string;
  readonly proxyUser: { readonly name?: string; readonly uid: number };
  readonly ipv6: boolean;
  readonly outbound: DirectionRecord;
  readonly inbound: DirectionRecord;
  /** Undefined: an older version installed, which could only refuse. */
  readonly whenProxyDown?: Plan["whenProxyDown"];
  /** Addresses whose inbound traffic is intercepted. */
  readonly instance: "all" | readonly string[];
  /** We put ::6/128 on lo. */
  readonly addedPassthroughAddress: boolean;
  /** The proxy's ports on which somebody listened when this was installed, or before, with these ports. */
  readonly proxySeen?: readonly number[];
  /** All that it executes, for `explain`. Undefined: an older version installed, which did not keep it. */
  readonly plan?: PlanJson;
  /**
   * What was asked for, before this host was looked at: who installs it again (nobody confirmed what came after it, the
   * host was started anew) makes a plan for the host as it is then. `configOfWritten` reads it. Undefined: an older version
   * installed, which did not keep it; or it is a record of rules beside programs, whose own record has it.
   */
  readonly config?: WrittenConfig;
}

export interface DirectionRecord {
  readonly redirect: boolean;
  readonly port: number;
  readonly excludedPorts: readonly number[];
}

type Inherited = Pick<CommonRecord, "addedPassthroughAddress" | "proxySeen">;

/**
 * @param previous the installation that it replaces
 * @param config what the plan was made of
 * @param listening the ports on which somebody listens now
 */
export function commonRecord(
  plan: Plan,
  previous: Inherited | undefined,
  config: WrittenConfig | undefined,
  listening: ReadonlySet<number> = new Set(),
): CommonRecord {
  const { name, uid } = plan.proxyUser;
  const seen = new Set([...listening, ...(previous?.proxySeen ?? [])]);
  return {
    version: VERSION,
    installedAt: new Date().toISOString(),
    proxyUser: name === undefined ? { uid } : { name, uid },
    ipv6: plan.ipv6,
    outbound: recordDirection(plan.outbound),
    inbound: recordDirection(plan.inbound),
    whenProxyDown: plan.whenProxyDown,
    instance: plan.instance === "all" ? "all" : plan.instance.map(formatAddress),
    addedPassthroughAddress: ownsPassthroughAddress(plan, previous),
    proxySeen: [plan.outbound.port, plan.inbound.port].filter((port) => seen.has(port)),
    plan: planToJson(plan),
    ...(config === undefined ? {} : { config }),
  };
}

function recordDirection({ redirect, port, excludedPorts }: DirectionPlan): DirectionRecord {
  return { redirect, port, excludedPorts };
}

/** Also where it is there already, because the installation before put it there. */
function ownsPassthroughAddress(plan: Plan, previous: Inherited | undefined): boolean {
  if (plan.passthroughAddress === "missing") return true;
  return plan.passthroughAddress === "present" && previous?.addedPassthroughAddress === true;
}
