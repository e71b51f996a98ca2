// SPDX-License-Identifier: Apache-2.0
import { readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import type { Family } from "../../core/address.ts";
import { systemErrorCode, TproxyError } from "../../core/errors.ts";
import { findProgram } from "../../host/exec.ts";
import { hasNftables, readNftRuleset } from "../../host/nft-ruleset.ts";
import { findDistrust } from "../../host/trusted-path.ts";
import { type Executables, type Mode, parseMode, readVersion } from "./executables.ts";
import { saveRules } from "./save.ts";

/** What the search for iptables asks of the host. None of it changes anything. */
export interface IptablesHost {
  /** The absolute path of a program by its name or path; undefined where it is not there or not executable. */
  readonly findProgram: (program: string) => string | undefined;
  /** Why others than root could change a program, as a clause; undefined where they cannot. */
  readonly distrust: (path: string) => string | undefined;
  /** Of the program at an absolute path. Throws COMMAND_FAILED where it does not work. */
  readonly readMode: (path: string) => Promise<Mode>;
  /** The same, by running it in any case. */
  readonly askMode: (path: string) => Promise<Mode>;
  /** Whether the kernel has nf_tables; true where only root may know. */
  readonly hasNftables: () => boolean;
  /** The tables that nf_tables has in this network namespace, none without it; undefined where only root may know. */
  readonly nftTables: (family: Family) => readonly string[] | undefined;
  /** The tables that ip_tables has in this network namespace; undefined where only root may know. */
  readonly legacyTables: (family: Family) => readonly string[] | undefined;
  /** All rules, as iptables-save prints them. Throws IPTABLES_FAILED. */
  readonly save: (executables: Executables) => Promise<string>;
}

export const HOST: IptablesHost = {
  findProgram,
  distrust: findDistrust,
  readMode,
  askMode,
  hasNftables: () => ofNftables(hasNftables) ?? true,
  nftTables: (family) =>
    ofNftables(() => readNftRuleset(family === 4 ? "ip" : "ip6").tables.map(({ name }) => name)),
  legacyTables,
  save: async (executables) => (await saveRules(executables)).text,
};

/** The programs that all names of iptables are links to, since 1.8.0. */
const MULTI_PROGRAMS: Readonly<Record<string, Mode>> = {
  "xtables-nft-multi": "nft",
  "xtables-legacy-multi": "legacy",
};

/** Saves a process where the link says it already. */
async function readMode(path: string): Promise<Mode> {
  return MULTI_PROGRAMS[basename(realpathSync(path))] ?? askMode(path);
}

async function askMode(path: string): Promise<Mode> {
  return parseMode(await readVersion(path));
}

/** What `look` says; undefined where only root may look. */
function ofNftables<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof TproxyError && error.code === "CAPABILITY_MISSING") return undefined;
    throw error;
  }
}

/** In the network namespace of the main thread. The file is there once the kernel's ip_tables is. */
function legacyTables(family: Family): readonly string[] | undefined {
  const path = `/proc/thread-self/net/${family === 4 ? "ip" : "ip6"}_tables_names`;
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === "ENOENT") return [];
    if (code === "EACCES") return undefined;
    throw new TproxyError("SYSCALL_FAILED", `cannot read the names of the iptables-legacy tables (${path})`, {
      cause,
    });
  }
}
