// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { Present } from "./look.ts";
import type { IptablesRecord } from "./record.ts";

/**
 * iptables-nft-save leaves out a table that holds rules which only nft can express: what is ours in there cannot be
 * seen, so it could be neither verified nor removed. iptables-nft-restore would write to it all the same.
 *
 * @param tables Those that rules are to go into; tables that `record` names count too, others do not matter.
 * @throws TproxyError IPTABLES_FAILED
 */
export function requireReadable(
  { executables: { family, mode, save }, snapshot }: Present,
  tables: readonly string[],
  record: Pick<IptablesRecord, "applied"> | undefined,
): void {
  const applied = (record?.applied ?? []).filter((each) => each.family === family && each.mode === mode);
  const recorded = applied.flatMap(({ rules }) => rules.map((rule) => rule.split(" ")[0]));
  const needed = new Set([...tables, ...recorded]);
  const table = snapshot.incompatible.find((name) => needed.has(name));
  if (table === undefined) return;
  throw new TproxyError(
    "IPTABLES_FAILED",
    `the table ${table} of IPv${family} cannot be read with ${save}: it holds rules that iptables cannot express, made by nft`,
    {
      hint:
        `\`nft list table ${family === 4 ? "ip" : "ip6"} ${table}\` shows them. Move them to a table with another ` +
        "name, then run the command again.",
    },
  );
}
