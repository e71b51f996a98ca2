// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import type { Family } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import {
  BASE_NAMES,
  type Executables,
  MODES,
  type Mode,
  PROGRAMS,
  type ProgramPaths,
} from "./executables.ts";
import { findFamily, isUsable } from "./find-family.ts";
import { HOST, type IptablesHost } from "./iptables-host.ts";
import type { AppliedRules, IptablesRecord } from "./record.ts";

const FAMILIES = [4, 6] as const;

export interface WhereToLook {
  /** These come first, whether or not there can be rules. */
  readonly chosen?: readonly Executables[];
  /** What the user named, now. */
  readonly given?: Config["iptablesExecutables"];
  /** What was applied, with which programs. */
  readonly record?: Pick<IptablesRecord, "applied"> | undefined;
}

/**
 * The programs of every family and mode in which there may be rules of ours: whatever mode an installation had, all of it
 * is found. None where the kernel has no table yet: asking for one would create it. Ladder for each family and mode:
 * 1. those that are chosen;
 * 2. those that the user named, as far as they work: of others he will hear where they are to be used;
 * 3. those that the rules were applied with;
 * 4. those in the directories of `run`.
 *
 * @throws TproxyError IPTABLES_UNUSABLE where something of ours may be there that nothing can be done about
 */
export async function allExecutables(
  { chosen = [], given = {}, record }: WhereToLook = {},
  host: IptablesHost = HOST,
): Promise<Executables[]> {
  const places = FAMILIES.flatMap((family) => MODES.map((mode) => ({ family, mode }))).filter(
    (place) => !chosen.some((each) => isOf(each, place)) && mayHaveRules(host, place.family, place.mode),
  );
  const found = await Promise.all(
    places.map(async (place) => {
      const applied = (record?.applied ?? []).filter((each) => isOf(each, place));
      return findOne(
        place,
        [pathsOf(given, place.family), ...applied.map(({ programs }) => programs)],
        host,
        applied,
      );
    }),
  );
  return [...chosen, ...found.filter((each) => each !== undefined)];
}

type Place = Pick<Executables, "family" | "mode">;

function isOf(each: Place, { family, mode }: Place): boolean {
  return each.family === family && each.mode === mode;
}

async function findOne(
  place: Place,
  candidates: readonly (ProgramPaths | undefined)[],
  host: IptablesHost,
  applied: readonly AppliedRules[],
): Promise<Executables | undefined> {
  for (const paths of candidates)
    if (paths !== undefined && (await areUsable(paths, place.mode, host))) return { ...place, ...paths };
  const found = await findFamily(host, place.family, place.mode);
  if (isUsable(found)) return found;
  if (applied.length === 0) return undefined;
  throw new TproxyError(
    "IPTABLES_UNUSABLE",
    `rules of IPv${place.family} were installed with iptables-${place.mode}, which cannot be used any more: ${found.unusable}`,
    {
      hint:
        `${describePrograms(applied)}Give them back, or install iptables (apt-get install iptables), and run the ` +
        "command again: what is installed stays written down.",
    },
  );
}

function describePrograms(applied: readonly AppliedRules[]): string {
  const paths = applied.flatMap(({ programs }) =>
    programs === undefined ? [] : [programs.restore, programs.save],
  );
  return paths.length === 0 ? "" : `They were applied with ${[...new Set(paths)].join(", ")}. `;
}

function pathsOf(given: Config["iptablesExecutables"], family: Family): ProgramPaths | undefined {
  const base = BASE_NAMES[family];
  const [iptables, save, restore] = [given[base], given[`${base}-save`], given[`${base}-restore`]];
  if (iptables === undefined || save === undefined || restore === undefined) return undefined;
  return { iptables, save, restore };
}

/** Others may have another place, or another mode, by now. */
async function areUsable(paths: ProgramPaths, mode: Mode, host: IptablesHost): Promise<boolean> {
  const modes = await Promise.all(PROGRAMS.map((program) => tryReadMode(paths[program], host)));
  return modes.every((each) => each === mode);
}

async function tryReadMode(path: string, host: IptablesHost): Promise<Mode | undefined> {
  if (host.findProgram(path) === undefined || host.distrust(path) !== undefined) return undefined;
  try {
    return await host.readMode(path);
  } catch (error) {
    if (error instanceof TproxyError && error.code === "COMMAND_FAILED") return undefined;
    throw error;
  }
}

function mayHaveRules(host: IptablesHost, family: Family, mode: Mode): boolean {
  const tables = mode === "nft" ? host.nftTables(family) : host.legacyTables(family);
  return tables?.length !== 0;
}
