// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import { DIRECT_FILE } from "../../host/firewalld.ts";
import type { Plan } from "../../plan/plan.ts";
import type { EngineName } from "../engine.ts";
import { hasNetworks } from "../iptables/beside-programs.ts";
import { examineStored } from "./examine-stored.ts";
import type { StoreOptions } from "./store-with-installation.ts";

/** What will be in force when the host starts, of what is about to be installed. */
export interface Storing {
  readonly withSystemd: boolean;
  readonly withFirewalld: boolean;
  /** What firewalld has stored goes. */
  readonly withoutFirewalld: boolean;
}

/** By what was asked for, and by what is stored already, which follows: with eBPF, the rules of virtual networks. */
export function findStoring(
  plan: Plan,
  { storeFirewalld }: Pick<Config, "storeFirewalld">,
  { storeSystemd }: Pick<StoreOptions, "storeSystemd">,
  engine: EngineName,
): Storing {
  const { systemd, firewalld } = examineStored(plan.netns, undefined).status;
  const isKept = firewalld !== undefined;
  return {
    withSystemd: storeSystemd || systemd !== undefined,
    withFirewalld: engine === "iptables" ? storeFirewalld || isKept : isKept && hasNetworks(plan),
    withoutFirewalld: engine === "ebpf" && isKept && !hasNetworks(plan),
  };
}

/** What `install` would store, one sentence each. Changes nothing. */
export function describeStoring(...about: Parameters<typeof findStoring>): string[] {
  const { withSystemd, withFirewalld, withoutFirewalld } = findStoring(...about);
  const notes: string[] = [];
  if (withSystemd)
    notes.push(
      `the configuration would be stored for the next start of this host, in ${STORED_CONFIGURATION}`,
    );
  if (withFirewalld)
    notes.push(
      `the rules would be stored with firewalld, in ${DIRECT_FILE}; if it runs, it would be reloaded`,
    );
  if (withoutFirewalld)
    notes.push(`the rules that firewalld has stored would be removed from ${DIRECT_FILE}`);
  return notes;
}
