// What others have in the tables: rules, their order, their counters.

import { describe, expect, test } from "vitest";
import { foreignNftText, foreignText, theirs } from "./iptables/foreign-rules.ts";
import { VARIANTS } from "./iptables/own-tables.ts";
import { FAMILIES, isCounted, isMarkedOurs, WorldTables } from "./iptables/world-tables.ts";

const DNS = "--redirect-all-dns-traffic";
const PLAIN = "--disable-comments";

/** Each is installed over the one before. */
const OPTIONS: readonly (readonly string[])[] = [
  [],
  [
    "--redirect-inbound-port",
    "25006",
    "--redirect-outbound-port",
    "25001",
    "--exclude-inbound-ports",
    "22,80",
  ],
  [DNS],
  [DNS, PLAIN, "--skip-dns-conntrack-zone-split"],
  [PLAIN, "--drop-invalid-packets", "--exclude-outbound-ports-for-uids", "tcp:53:106-108"],
  ["--iptables-logs", "--drop-invalid-packets"],
  ["--redirect-outbound-insert-instead-of-append", "--redirect-inbound-insert-instead-of-append", DNS],
  ["--vnet", "br+:172.17.0.0/16", "--exclude-outbound-ips", "10.9.0.0/16"],
  ["--redirect-inbound=false", "--ip-family-mode", "ipv4", PLAIN],
  [],
];

function withForeignRules(variant: (typeof VARIANTS)[number]): Promise<WorldTables> {
  return WorldTables.create(variant, async (tables) => {
    for (const family of FAMILIES) await tables.restore(family, foreignText(family));
    if (variant === "nft") await tables.must(["nft", "-f", "-"], { input: foreignNftText() });
  });
}

describe.each(VARIANTS)("iptables-%s", (variant) => {
  test("rules of others, their order and counters stay, whatever is installed and removed", async () => {
    await using tables = await withForeignRules(variant);
    const before = await tables.saveBoth();
    for (const family of FAMILIES) {
      expect(before[family].filter((line) => line.startsWith("[")).length).toBeGreaterThanOrEqual(200);
      expect(before[family].filter(isCounted).length).toBeGreaterThanOrEqual(17);
      expect(theirs(before[family])).toEqual(before[family]);
    }
    for (const flags of OPTIONS) {
      await tables.install(...flags);
      for (const family of FAMILIES) {
        const now = await tables.save(family);
        expect(theirs(now), flags.join(" ")).toEqual(before[family]);
        if (!flags.includes(PLAIN))
          expect(
            now.filter((line) => !isMarkedOurs(line)),
            flags.join(" "),
          ).toEqual(before[family]);
      }
      expect(await tables.status()).toMatchObject({ exitCode: 0 });
    }
    await tables.uninstall();
    expect(await tables.saveBoth()).toEqual(before);
  });

  test.each([[[]], [[PLAIN, DNS]]])(
    "so do those that come while it is installed: %j",
    async (flags: string[]) => {
      await using tables = await withForeignRules(variant);
      await tables.install(...flags);
      for (const family of FAMILIES) {
        const from = ["-s", family === 4 ? "192.0.2.200" : "2001:db8::200"];
        for (const chain of ["PREROUTING", "OUTPUT"]) {
          for (const table of ["nat", "raw", "mangle"]) {
            const rule = [...from, "-j", "RETURN", "-c"];
            await tables.iptables(family, "-t", table, "-I", chain, "1", ...rule, "21", "2100");
            await tables.iptables(family, "-t", table, "-I", chain, "2", ...rule, "22", "2200");
            await tables.iptables(family, "-t", table, "-A", chain, ...rule, "23", "2300");
          }
        }
      }
      const during = await tables.saveBoth();
      for (const others of [["--redirect-inbound-port", "25006", ...flags], []]) {
        await tables.install(...others);
        for (const family of FAMILIES)
          expect(theirs(await tables.save(family))).toEqual(theirs(during[family]));
      }
      await tables.uninstall();
      for (const family of FAMILIES) expect(await tables.save(family)).toEqual(theirs(during[family]));
    },
  );
});
