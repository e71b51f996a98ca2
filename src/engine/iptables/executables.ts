// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import { run } from "../../host/exec.ts";

/** What is behind the name iptables: the kernel's nf_tables, or its older ip_tables. Their rules are kept apart. */
export const MODES = ["nft", "legacy"] as const;
export type Mode = (typeof MODES)[number];

/** The three programs of a family, all of one mode. Absolute paths. */
export interface Executables {
  readonly family: Family;
  readonly mode: Mode;
  readonly iptables: string;
  readonly save: string;
  readonly restore: string;
}

/** Their paths alone. */
export type ProgramPaths = Pick<Executables, Program>;

export function programsOf({ iptables, save, restore }: ProgramPaths): ProgramPaths {
  return { iptables, save, restore };
}

export const PROGRAMS = ["iptables", "save", "restore"] as const;
export type Program = (typeof PROGRAMS)[number];

export const BASE_NAMES = { 4: "iptables", 6: "ip6tables" } as const;

/** The name of a program: "ip6tables-restore", or with a mode, "ip6tables-nft-restore". */
export function nameOf(family: Family, program: Program, mode?: Mode): string {
  const parts = [BASE_NAMES[family], mode, program === "iptables" ? undefined : program];
  return parts.filter((part) => part !== undefined).join("-");
}

/** The mode that a program tells with its version: "iptables v1.8.9 (nf_tables)". Before 1.8 it told none: legacy. */
export function parseMode(version: string): Mode {
  return version.includes("(nf_tables)") ? "nft" : "legacy";
}

/** What the program says of its version, such as "iptables v1.8.9 (nf_tables)". Throws COMMAND_FAILED. */
export async function readVersion(program: string): Promise<string> {
  const { stdout } = await run(program, ["--version"]);
  return stdout.trim();
}
