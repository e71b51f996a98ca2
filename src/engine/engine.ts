// SPDX-License-Identifier: Apache-2.0
import type { ListenerFact } from "../core/facts.ts";
import type { Plan } from "../plan/plan.ts";

export const ENGINE_NAMES = ["ebpf", "iptables"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** A way to intercept. All of them execute the same `Plan`, and mean the same by it. */
export interface Engine {
  readonly name: EngineName;
  /** What `install` would do. Changes nothing. */
  describe(plan: Plan): Promise<Description>;
  /** All of the plan or, with an error, nothing. Over an installation of this engine that is there: in its place. */
  install(plan: Plan): Promise<InstallReport>;
}

export interface Description {
  /** For stdout, lines. */
  readonly text: readonly string[];
  /** What the user should know beside it, one sentence each. */
  readonly notes: readonly string[];
}

export interface InstallReport {
  /** An installation that was there has been changed. */
  readonly replaced: boolean;
  /** The sockets on which the proxy listens already. */
  readonly listeners: readonly ListenerFact[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}
