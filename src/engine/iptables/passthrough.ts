// SPDX-License-Identifier: Apache-2.0
import { isInstallation } from "./keep-connections.ts";
import type { Present } from "./look.ts";
import type { IptablesRecord } from "./record.ts";

/**
 * Whether ::6 on lo belongs to the installation that is there. kumactl puts it there for its rules for IPv6, writes nothing
 * down, and never takes it away: without a record, it goes with these rules.
 */
export function ownsPassthroughAddress(
  present: readonly Present[],
  record: Pick<IptablesRecord, "addedPassthroughAddress"> | undefined,
): boolean {
  const isForIpv6 = (each: Present) => each.executables.family === 6 && isInstallation(each);
  return record?.addedPassthroughAddress ?? present.some(isForIpv6);
}
