// SPDX-License-Identifier: Apache-2.0
import { STORED_CONFIGURATION } from "../../config/stored-configuration.ts";
import type { WrittenConfig } from "../../config/written-config.ts";
import type { NetnsFact } from "../../core/facts.ts";
import type { Undo } from "../../core/undo.ts";
import { isWhatIsStored, readStoredInstallation, storeInstallation } from "./stored-installation.ts";

export interface StoreOptions {
  /** It is the stored one that is installed: that changes nothing of it. */
  readonly stored: boolean;
  readonly storeSystemd: boolean;
  /** It may be put back: until then, what is stored is not touched. */
  readonly confirmWithinMs: number | undefined;
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
  if (present === undefined || (present.enabled && isWhatIsStored(config, present))) return [];
  if (confirmWithinMs !== undefined)
    return [
      `another configuration is stored for the next start of this host, in ${STORED_CONFIGURATION}; once this one is ` +
        "confirmed, install it with --store-systemd",
    ];
  const notes = await storeInstallation(netns, config, undo);
  return [
    `${STORED_CONFIGURATION} was changed with the installation: it is what is installed when this host starts`,
    ...notes,
  ];
}
