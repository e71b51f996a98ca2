// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import { TproxyError } from "../../core/errors.ts";
import type { NetnsFact } from "../../core/facts.ts";
import type { Undo } from "../../core/undo.ts";
import { readStored } from "../iptables/firewalld/store.ts";
import {
  isInOrder,
  isWhatIsStored,
  readStoredInstallation,
  requireHost,
  storeInstallation,
} from "./stored-installation.ts";

export interface StoreOptions {
  /** It is the stored one that is installed: that changes nothing of it. */
  readonly stored: boolean;
  readonly storeSystemd: boolean;
  /** It may be put back: until then, what is stored is not touched. */
  readonly confirmWithinMs: number | undefined;
}

/**
 * What may be put back is not stored with firewalld: a start of the host on the way would bring back the rules, and
 * nobody who puts them back.
 *
 * @throws TproxyError OPTION_UNSUPPORTED
 */
export function requireConfirmable(
  netns: NetnsFact,
  { storeFirewalld }: Pick<Config, "storeFirewalld">,
  { confirmWithinMs }: Pick<StoreOptions, "confirmWithinMs">,
): void {
  if (confirmWithinMs === undefined) return;
  if (!storeFirewalld && readStored(netns, []) === undefined) return;
  throw new TproxyError("OPTION_UNSUPPORTED", "firewalld cannot store rules that may be put back", {
    hint: "Leave out --confirm-within, or let firewalld store nothing (`tproxyctl uninstall` first, if it does).",
  });
}

/**
 * Before any engine is let try: what keeps systemd from storing says nothing about engines.
 *
 * @throws TproxyError OPTION_UNSUPPORTED, STORE_FAILED
 */
export function requireStorable(netns: NetnsFact, { stored, storeSystemd }: StoreOptions): void {
  if (stored) return;
  if (storeSystemd || readStoredInstallation(netns) !== undefined) requireHost(netns);
}

/**
 * Before an installation is made or changed: what systemd has stored becomes the same, where it is asked for, and where
 * something is stored. Otherwise a start of the host would bring back something else than what ran.
 *
 * @returns what the user should know, one sentence each
 */
export async function storeWithInstallation(
  netns: NetnsFact,
  config: WrittenConfig,
  { stored, storeSystemd, confirmWithinMs }: StoreOptions,
  undo: Undo,
): Promise<string[]> {
  if (stored) return [];
  if (storeSystemd) return storeInstallation(netns, config, undo);
  const present = readStoredInstallation(netns);
  if (present === undefined) return [];
  const mayChange = confirmWithinMs === undefined;
  if (isWhatIsStored(config, present) && (isInOrder(present) || !mayChange)) return [];
  if (!mayChange)
    return [
      `another configuration is stored for the next start of this host, in ${STORED_CONFIGURATION}: that is changed ` +
        "when you confirm this one",
    ];
  const notes = await storeInstallation(netns, config, undo);
  return [
    `${STORED_CONFIGURATION} was changed with the installation: it is what is installed when this host starts`,
    ...notes,
  ];
}
