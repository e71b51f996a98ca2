// SPDX-License-Identifier: Apache-2.0
import type { PredictedChoice } from "../../engine/predict-choice.ts";
import type { CodedCheck } from "../../engine/run-check.ts";

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
  /** For the configuration given. */
  readonly choice: PredictedChoice;
  /** For other ways to ask, with the rest of the configuration as it is. */
  readonly ways: readonly { readonly flag: string; readonly choice: PredictedChoice }[];
}
