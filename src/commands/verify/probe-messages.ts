// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from "../../core/errors.ts";
import type { Probe } from "./probe.ts";

/** Who a probe's process is to be, before it does anything. */
export interface Role {
  readonly uid: number;
  /** The absolute path of the cgroup2 directory to be in; undefined: where it is. */
  readonly cgroup: string | undefined;
}

export type ProbeMethod = keyof Probe;

/** What is said to a probe's process: first its role, then calls of its methods. */
export type ProbeRequest =
  | { readonly id: number; readonly role: Role }
  | { readonly id: number; readonly method: ProbeMethod; readonly argument: unknown };

/** What it answers, each by the number of the request. */
export type ProbeReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly problem: string; readonly code?: ErrorCode | undefined };
