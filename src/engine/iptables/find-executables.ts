// SPDX-License-Identifier: Apache-2.0
import type { Config } from "../../config/config.ts";
import { TproxyError } from "../../core/errors.ts";
import { DIRECTORIES } from "../../host/exec.ts";
import { type Choice, chooseMode } from "./choose-mode.ts";
import type { Executables, Mode } from "./executables.ts";
import { findFamily, isUsable, type Unusable } from "./find-family.ts";
import { checkGiven } from "./given-executables.ts";
import { HOST, type IptablesHost } from "./iptables-host.ts";

export interface FindOptions {
  readonly given: Config["iptablesExecutables"];
  /** False: IPv6 is not looked at. */
  readonly ipv6: boolean;
}

export interface Found {
  readonly ipv4: Executables;
  /** Of the same mode as IPv4's. */
  readonly ipv6: Executables | Unusable;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Finds the programs that rules are written with, in the directories of `run`, and decides between nft and legacy.
 * Changes nothing: rules are looked at, without creating a table, only where both modes have all programs. Ladder for
 * each program of a mode:
 * 1. what the user named, all three programs of a family; its mode is what they say;
 * 2. the name with the mode in it (iptables-nft-save);
 * 3. the plain name (iptables-save), if it is of that mode.
 *
 * nft counts only where the kernel has nf_tables. A family of which one program is missing is not used. IPv6 follows IPv4's mode; where the user named IPv6's programs
 * only, IPv4 follows theirs.
 *
 * @throws TproxyError IPTABLES_UNUSABLE where IPv4 has none; ConfigError where what the user named cannot be used
 */
export async function findExecutables(
  { given, ipv6 }: FindOptions,
  host: IptablesHost = HOST,
): Promise<Found> {
  const named = await checkGiven(given, ipv6 ? [4, 6] : [4], host);
  const detected: Choice =
    named[4] === undefined ? await detect(host, named[6]?.mode) : { chosen: named[4], notes: [] };
  const { chosen: ipv4 } = detected;
  return {
    ipv4,
    ipv6: named[6] ?? (ipv6 ? await findFamily(host, 6, ipv4.mode) : { unusable: "only IPv4 is asked for" }),
    notes: detected.notes,
  };
}

async function detect(host: IptablesHost, only: Mode | undefined): Promise<Choice> {
  const nft: Executables | Unusable = only === "legacy" ? { unusable: NOT_WANTED } : await findNft(host);
  const legacy: Executables | Unusable =
    only === "nft" ? { unusable: NOT_WANTED } : await findFamily(host, 4, "legacy");
  if (isUsable(nft) && isUsable(legacy)) return chooseMode({ nft, legacy }, host);
  if (isUsable(nft)) return { chosen: nft, notes: [] };
  if (isUsable(legacy)) return { chosen: legacy, notes: [] };
  throw new TproxyError(
    "IPTABLES_UNUSABLE",
    [
      `there is no usable iptables in ${DIRECTORIES.join(", ")}`,
      `nft: ${nft.unusable}`,
      `legacy: ${legacy.unusable}`,
    ].join("\n  "),
    {
      hint:
        "Install it: Debian and Ubuntu have it in the package iptables (apt-get install iptables). " +
        "If it is elsewhere, name its programs with --iptables-executables.",
    },
  );
}

/** Whatever programs there are, they can do nothing without the kernel. */
async function findNft(host: IptablesHost): Promise<Executables | Unusable> {
  return host.hasNftables() ? findFamily(host, 4, "nft") : { unusable: "the kernel has no nf_tables" };
}

const NOT_WANTED = "the ip6tables programs that --iptables-executables names are of the other kind";
