// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import { runToEnd } from "../../host/exec.ts";
import type { Executables } from "./executables.ts";
import { hintForRefusal, quoteRefusal } from "./refusal.ts";

export interface Saved {
  /** Rules of all tables that there are, without counters; "" where there is none. Ends in a newline otherwise. */
  readonly text: string;
  /** What the program said beside them, such as nft's that there are legacy tables. */
  readonly warnings: readonly string[];
}

/**
 * Reads the rules of a family, of the mode of the executables. Without naming a table: iptables-legacy-save would make
 * the kernel create it, and iptables-nft-save would show one that is not there. So nothing is changed.
 *
 * A table with rules that iptables cannot express is left out by iptables-nft-save, which says so in a line of the text:
 * "# Table `nat' is incompatible, use 'nft' tool.".
 *
 * @throws TproxyError IPTABLES_FAILED, also without root
 */
export async function saveRules({ save }: Pick<Executables, "save">): Promise<Saved> {
  const ended = await runToEnd(save, []);
  const { stdout, stderr, cause } = ended;
  if (!ended.succeeded) {
    const message = `cannot read the present rules: ${save}: ${quoteRefusal(ended)}`;
    throw new TproxyError("IPTABLES_FAILED", message, { log: stderr, hint: hintForRefusal(ended), cause });
  }
  return {
    text: stdout === "" ? "" : `${stdout}\n`,
    warnings: stderr.split("\n").filter((line) => line.trim() !== ""),
  };
}
