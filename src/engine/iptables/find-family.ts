// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { describeError } from "../../core/errors.ts";
import { type Executables, type Mode, nameOf, PROGRAMS, type Program } from "./executables.ts";
import type { IptablesHost } from "./iptables-host.ts";

export interface Unusable {
  /** Why, as a part of a sentence: "ip6tables-nft-restore is not there, and ip6tables-restore is legacy". */
  readonly unusable: string;
}

export function isUsable(found: Executables | Unusable): found is Executables {
  return "mode" in found;
}

/** The three programs of a family and mode: by the name with the mode in it, else by the plain name. */
export async function findFamily(
  host: IptablesHost,
  family: Family,
  mode: Mode,
): Promise<Executables | Unusable> {
  const found = await Promise.all(PROGRAMS.map((program) => findOne(host, { family, mode, program })));
  const [iptables, save, restore] = found.map(({ path }) => path);
  if (iptables !== undefined && save !== undefined && restore !== undefined) {
    return { family, mode, iptables, save, restore };
  }
  const problems = found.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  return { unusable: problems.join("; ") };
}

interface Wanted {
  readonly family: Family;
  readonly mode: Mode;
  readonly program: Program;
}

type FoundOne =
  | { readonly path: string; readonly problem?: undefined }
  | { readonly path?: undefined; readonly problem: string };

async function findOne(host: IptablesHost, { family, mode, program }: Wanted): Promise<FoundOne> {
  const name = nameOf(family, program, mode);
  const path = host.findProgram(name);
  if (path !== undefined) return { path };
  const plainName = nameOf(family, program);
  const plainPath = host.findProgram(plainName);
  if (plainPath === undefined) return { problem: `neither ${name} nor ${plainName} is there` };
  try {
    const found = await host.readMode(plainPath);
    return found === mode
      ? { path: plainPath }
      : { problem: `${name} is not there, and ${plainName} is ${found}` };
  } catch (error) {
    return { problem: `${name} is not there, and ${plainName} does not work (${describeError(error)})` };
  }
}
