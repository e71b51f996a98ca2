// SPDX-License-Identifier: Apache-2.0
import type { ListenerFact } from "../core/facts.ts";
import type { Plan } from "../plan/plan.ts";

/** A way to intercept. All of them execute the same `Plan`, and mean the same by it. */
export interface Engine {
  readonly name: "ebpf" | "iptables";
  /** What `install` would do, one line each, for people. Changes nothing. */
  describe(plan: Plan): Promise<readonly string[]>;
  /** All of the plan or, with an error, nothing. Over an installation that is there: in its place. */
  install(plan: Plan): Promise<InstallReport>;
}

export interface InstallReport {
  /** An installation that was there has been changed. */
  readonly replaced: boolean;
  /** The sockets on which the proxy listens already. */
  readonly listeners: readonly ListenerFact[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}
