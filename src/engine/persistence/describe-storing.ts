// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import type { NetnsFact } from "../../core/facts.ts";
import { DIRECT_FILE } from "../../host/firewalld.ts";
import type { EngineName } from "../engine.ts";
import { examineStored } from "./examine-stored.ts";
import type { StoreOptions } from "./store-with-installation.ts";

/** What `install` would store, one sentence each. Changes nothing. */
export function describeStoring(
  netns: NetnsFact,
  { storeFirewalld }: Pick<Config, "storeFirewalld">,
  { storeSystemd }: Pick<StoreOptions, "storeSystemd">,
  engine: EngineName,
): string[] {
  const { systemd, firewalld } = examineStored(netns, undefined).status;
  const notes: string[] = [];
  if (storeSystemd || systemd !== undefined)
    notes.push(
      `the configuration would be stored for the next start of this host, in ${STORED_CONFIGURATION}`,
    );
  if (engine === "iptables" && (storeFirewalld || firewalld !== undefined))
    notes.push(
      `the rules would be stored with firewalld, in ${DIRECT_FILE}; if it runs, it would be reloaded`,
    );
  if (engine === "ebpf" && firewalld !== undefined)
    notes.push(`the rules that firewalld has stored would be removed from ${DIRECT_FILE}`);
  return notes;
}
