// SPDX-License-Identifier: Apache-2.0
import { findProgram, runToEnd } from "../../host/exec.ts";
import { ASK_AS_ROOT, type CodedCheck } from "../run-check.ts";
import type { Executables } from "./executables.ts";
import { quoteRefusal } from "./refusal.ts";

/** A rule that needs what ours need of the kernel in that table. */
const TRIALS = {
  nat: "-A OUTPUT -p tcp -m owner ! --uid-owner 0 -j REDIRECT --to-ports 15001",
  raw: "-A OUTPUT -p udp -m udp --dport 53 -m owner ! --uid-owner 0 -j CT --zone 1",
} as const;

const WITHOUT = {
  nat: { state: "missing", meaning: "nothing can be redirected", code: "IPTABLES_FAILED" },
  raw: { state: "limited", meaning: "DNS traffic is not split into zones" },
} as const;

/**
 * Whether the kernel has a table and takes rules in it: tried in a network namespace that `unshare` makes, since in
 * this one asking for a legacy table would create it. Needs CAP_SYS_ADMIN; without, unknown.
 */
export async function checkTable({ mode, restore }: Executables, table: "nat" | "raw"): Promise<CodedCheck> {
  const check = { name: `table-${table}`, what: `table ${table} of iptables` };
  if (findProgram("unshare") === undefined) {
    const found = "not tried: there is no program unshare to make a network namespace for it";
    return { ...check, state: "unknown", found, remedy: "Install unshare (apt-get install util-linux)." };
  }
  const ended = await runToEnd("unshare", ["--net", restore, "--noflush"], {
    input: `* ${table}\n${TRIALS[table]}\nCOMMIT\n`,
    // Nobody else is in that namespace: no need to wait for the machine's lock, or to make its file.
    env: { XTABLES_LOCKFILE: "/dev/null" },
  });
  const said = quoteRefusal(ended);
  if (ended.succeeded) return { ...check, state: "ok", found: `${mode}: rules are taken`, remedy: undefined };
  // Ctrl-C reaches it as well: that is no answer of the kernel's.
  if (ended.exitCode === undefined)
    return {
      ...check,
      state: "unknown",
      found: `not tried to the end: ${ended.ending}`,
      remedy: "Try again.",
    };
  if (ended.stderr.startsWith("unshare: ")) {
    const remedy = process.geteuid?.() === 0 ? "Give the process CAP_SYS_ADMIN to find out." : ASK_AS_ROOT;
    return { ...check, state: "unknown", found: said, remedy };
  }
  const { meaning, ...verdict } = WITHOUT[table];
  const module = mode === "legacy" ? `iptable_${table}` : "nf_tables nft_compat";
  const remedy = `Load the kernel's module (modprobe ${module}), or use a kernel that has it.`;
  return { ...check, ...verdict, found: `${meaning}: ${said}`, remedy };
}
