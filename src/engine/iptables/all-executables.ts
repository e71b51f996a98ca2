// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { type Executables, MODES, type Mode } from "./executables.ts";
import { findFamily, isUsable } from "./find-family.ts";
import { HOST, type IptablesHost } from "./iptables-host.ts";

const FAMILIES = [4, 6] as const;

/**
 * The programs of every family and mode in which there may be rules of ours: whatever mode an installation had, all of it
 * is found. In legacy there are none before the kernel has a table; asking for that would create it.
 *
 * @param chosen These come first, whether or not there can be rules.
 */
export async function allExecutables(
  chosen: readonly Executables[] = [],
  host: IptablesHost = HOST,
): Promise<Executables[]> {
  const others = FAMILIES.flatMap((family) => MODES.map((mode) => ({ family, mode }))).filter(
    ({ family, mode }) =>
      !chosen.some((each) => each.family === family && each.mode === mode) &&
      mayHaveRules(host, family, mode),
  );
  const found = await Promise.all(others.map(({ family, mode }) => findFamily(host, family, mode)));
  return [...chosen, ...found.filter(isUsable)];
}

function mayHaveRules(host: IptablesHost, family: Family, mode: Mode): boolean {
  return mode === "nft" || host.legacyTables(family)?.length !== 0;
}
