// SPDX-License-Identifier: Apache-2.0
import { describeError } from "../../core/errors.ts";
import type { Executables, Mode } from "./executables.ts";
import type { IptablesHost } from "./iptables-host.ts";
import { isForbidden } from "./refusal.ts";

export interface Choice {
  readonly chosen: Executables;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Chooses where both modes have their programs, as kumactl does:
 * 1. legacy if it alone has rules;
 * 2. both have rules: the one that has Docker's chain DOCKER_OUTPUT, else nft, with a note;
 * 3. nft; but legacy where nft's programs do not work.
 *
 * A rule or a chain of somebody's in raw, nat or mangle counts, not the chains that are always there.
 */
export async function chooseMode(
  both: Readonly<Record<Mode, Executables>>,
  host: IptablesHost,
): Promise<Choice> {
  const { nft, legacy } = both;
  const tables = host.legacyTables(4);
  if (tables === undefined) return unseen(nft);
  const [nftRules, legacyRules] = await Promise.all([
    read(nft, host),
    tables.length === 0 ? NONE : read(legacy, host),
  ]);
  if ([nftRules, legacyRules].some(({ problem }) => problem !== undefined && isForbidden(problem))) {
    return unseen(nft);
  }
  if (nftRules.text === undefined) {
    const note = `iptables-legacy is used, since iptables-nft does not work: ${nftRules.problem}.`;
    return { chosen: legacy, notes: [note] };
  }
  if (legacyRules.text === undefined) {
    const note = `iptables-nft is used, since iptables-legacy does not work: ${legacyRules.problem}.`;
    return { chosen: nft, notes: [note] };
  }
  if (!hasRules(legacyRules.text)) return { chosen: nft, notes: [] };
  if (!hasRules(nftRules.text)) return { chosen: legacy, notes: [] };
  return chooseByDocker(both, { nft: nftRules.text, legacy: legacyRules.text });
}

type Rules =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: string };

const NONE: Rules = { text: "" };

async function read(executables: Executables, host: IptablesHost): Promise<Rules> {
  try {
    return { text: await host.save(executables) };
  } catch (error) {
    return { problem: describeError(error) };
  }
}

function unseen(chosen: Executables): Choice {
  const note =
    "Only root can see which rules there are: iptables-nft is taken, as if iptables-legacy had none.";
  return { chosen, notes: [note] };
}

function chooseByDocker(
  both: Readonly<Record<Mode, Executables>>,
  rules: Readonly<Record<Mode, string>>,
): Choice {
  const [nftHasIt, legacyHasIt] = [rules.nft, rules.legacy].map((text) => /^:DOCKER_OUTPUT /m.test(text));
  if (nftHasIt !== legacyHasIt) return { chosen: nftHasIt ? both.nft : both.legacy, notes: [] };
  const note =
    "Both iptables-nft and iptables-legacy have rules in this network namespace: iptables-nft is used. " +
    "--iptables-executables names others.";
  return { chosen: both.nft, notes: [note] };
}

const OUR_TABLES = ["raw", "nat", "mangle"];

/** Reads the text of iptables-save: a rule, or a chain without a policy, in one of the tables that we use. */
export function hasRules(text: string): boolean {
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    if (OUR_TABLES.includes(table) && /^(-A |:\S+ - )/.test(line)) return true;
  }
  return false;
}
