// Installations that somebody changed: `status` says so, the next install or uninstall sets it right.

import { describe, expect, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { VARIANTS } from "./iptables/own-tables.ts";
import { FAMILIES, isMarkedOurs, rulesOf, WorldTables } from "./iptables/world-tables.ts";

const FOREIGN =
  "*nat\n[9:99] -A OUTPUT -s 192.0.2.1 -j RETURN\nCOMMIT\n*raw\n[8:88] -A OUTPUT -d 192.0.2.1 -j RETURN\nCOMMIT";
const PLAIN = ["--disable-comments", "--redirect-all-dns-traffic", "--exclude-outbound-ips", "10.9.0.0/16"];
const MARKED = ["--redirect-all-dns-traffic", "--drop-invalid-packets"];

type Damage = (tables: WorldTables) => Promise<unknown>;

/** The line of `-S` with the jump to our chain, without `-A`. */
async function findJump(tables: WorldTables, chain: string): Promise<string[]> {
  const lines = (await tables.iptables(4, "-t", "nat", "-S", chain)).split("\n");
  const place = lines.findIndex(
    (line) => line.startsWith("-A") && isMarkedOurs(` ${line}`) && / -j KUMA_/.test(line),
  );
  expect(place).toBeGreaterThan(0);
  return [chain, String(place)];
}

const DAMAGES: Readonly<Record<string, readonly [Damage, RegExp]>> = {
  "restored once more from a backup": [
    async (tables) => {
      const text = await tables.must([tables.program(4, "-save")]);
      const lines = text.split("\n").filter((line) => !line.includes("192.0.2.1"));
      await tables.restore(4, lines.join("\n"));
    },
    /unexpected \(IPv4\): nat OUTPUT -p tcp -j KUMA_MESH_OUTBOUND/,
  ],
  "without the jump for what goes out": [
    async (tables) => tables.iptables(4, "-t", "nat", "-D", ...(await findJump(tables, "OUTPUT"))),
    /missing \(IPv4\): nat OUTPUT -p tcp -j KUMA_MESH_OUTBOUND/,
  ],
  "without the jump for what comes in": [
    async (tables) => tables.iptables(4, "-t", "nat", "-D", ...(await findJump(tables, "PREROUTING"))),
    /missing \(IPv4\): nat PREROUTING -p tcp -j KUMA_MESH_INBOUND/,
  ],
  "with an emptied chain": [
    (tables) => tables.iptables(6, "-t", "nat", "-F", "KUMA_MESH_OUTBOUND"),
    /missing \(IPv6\): nat KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT/,
  ],
  "with one chain of four": [
    async (tables) => {
      await tables.iptables(4, "-t", "nat", "-D", ...(await findJump(tables, "OUTPUT")));
      await tables.iptables(4, "-t", "nat", "-D", ...(await findJump(tables, "PREROUTING")));
      for (const chain of ["INBOUND", "OUTBOUND", "INBOUND_REDIRECT"])
        await tables.iptables(4, "-t", "nat", "-F", `KUMA_MESH_${chain}`);
      for (const chain of ["INBOUND", "OUTBOUND", "INBOUND_REDIRECT"])
        await tables.iptables(4, "-t", "nat", "-X", `KUMA_MESH_${chain}`);
    },
    /missing \(IPv4\): nat KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT/,
  ],
  "with all chains emptied": [
    (tables) => tables.iptables(6, "-t", "nat", "-F"),
    /missing \(IPv6\): nat PREROUTING -p tcp -j KUMA_MESH_INBOUND/,
  ],
  "with a rule of somebody's in our chain": [
    (tables) => tables.iptables(4, "-t", "nat", "-I", "KUMA_MESH_INBOUND", "1", "-p", "tcp", "-j", "ACCEPT"),
    /unexpected \(IPv4\): nat KUMA_MESH_INBOUND -p tcp -j ACCEPT/,
  ],
};

describe.each(someOf(VARIANTS, 2))("iptables-%s", (variant) => {
  describe.each([[MARKED], [PLAIN]])("%j", (flags) => {
    test.each(Object.keys(DAMAGES))("%s", async (name) => {
      const [damage, words] = DAMAGES[name] ?? [];
      if (damage === undefined || words === undefined) throw new Error(`there is no damage ${name}`);
      await using tables = await WorldTables.create(variant);
      await tables.restore(4, FOREIGN);
      await tables.install(...flags);
      const whole = await tables.saveBoth();
      expect(await tables.status()).toMatchObject({ exitCode: 0 });

      await damage(tables);
      const status = await tables.status();
      expect(status, status.stdout).toMatchObject({ exitCode: 2, stdout: expect.stringMatching(words) });
      await tables.install(...flags);
      for (const family of FAMILIES)
        expect(rulesOf(await tables.save(family))).toEqual(rulesOf(whole[family]));
      expect(await tables.status()).toMatchObject({ exitCode: 0 });

      await damage(tables);
      await tables.uninstall();
      const left = [...(await tables.save(4)), ...(await tables.save(6))];
      expect(left.filter((line) => line.startsWith("["))).toEqual(
        [...whole[4], ...whole[6]].filter((line) => line.includes("192.0.2.1")),
      );
      expect(left.filter((line) => line.startsWith(":KUMA"))).toEqual([]);
      expect(await tables.status()).toMatchObject({ exitCode: 1 });
    });
  });
});
