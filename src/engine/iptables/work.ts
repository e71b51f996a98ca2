// SPDX-License-Identifier: Apache-2.0
import type { WrittenConfig } from "../../config/written-config.ts";
import type { Executables } from "./executables.ts";
import type { Present } from "./look.ts";
import type { IptablesRecord } from "./record.ts";
import type { RestoreOptions } from "./restore.ts";
import type { Rule, RuleSet, Style } from "./rule.ts";

/** Rules for one family, and what they are applied with. */
export interface Target {
  readonly executables: Executables;
  readonly set: RuleSet;
}

/** What is to be done to the rules of a network namespace. */
export interface Work {
  readonly targets: readonly Target[];
  readonly style: Style;
  /** For the time of a take-over: belongs to no installation. */
  readonly guard: Rule | undefined;
  /** The rules that are there, of every family and mode. */
  readonly present: readonly Present[];
  /** What is written down of what is there. */
  readonly record: IptablesRecord | undefined;
  readonly restore: RestoreOptions;
  /** What the rules were made of, for the record; undefined: an installation of the other engine keeps it. */
  readonly config?: WrittenConfig;
  /** firewalld is to keep them as well; false: as far as it keeps rules of ours already. */
  readonly storeFirewalld?: boolean;
  /** The rules are those of the virtual networks, and stand beside programs of eBPF. */
  readonly beside?: BesidePrograms;
}

export interface BesidePrograms {
  /** The last step of the installation of the programs. Where it fails, the rules are as they were before. */
  readonly commit: () => void;
  /** ::6 stays on lo: the programs need it. */
  readonly keepPassthroughAddress: boolean;
}
