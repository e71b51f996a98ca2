// SPDX-License-Identifier: Apache-2.0
import type { Leftover } from "../../engine/leftovers/leftover.ts";
import type { OtherProgram } from "../../engine/leftovers/others.ts";
import type { PredictedChoice } from "../../engine/predict-choice.ts";
import type { CodedCheck } from "../../engine/run-check.ts";

export const LEFTOVERS_REMEDY = "`tproxyctl uninstall --leftovers` removes it, and asks before it does.";

export interface Others {
  readonly leftovers: readonly Leftover[];
  readonly programs: readonly OtherProgram[];
}

/** All that `doctor` found out. */
export interface Examination {
  /** What uname(2) says: "6.18.44". */
  readonly kernel: string;
  readonly root: boolean;
  readonly checks: {
    readonly configuration: readonly CodedCheck[];
    readonly ebpf: readonly CodedCheck[];
    readonly iptables: readonly CodedCheck[];
  };
  /** What others left in the kernel, and their programs where ours are or would be; undefined where that cannot be seen. */
  readonly others: Others | undefined;
  /** For the configuration given. */
  readonly choice: PredictedChoice;
  /** For other ways to ask, with the rest of the configuration as it is. */
  readonly ways: readonly { readonly flag: string; readonly choice: PredictedChoice }[];
}
