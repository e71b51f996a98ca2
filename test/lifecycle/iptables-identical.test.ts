// Rules of others that read as ours do, so that nothing but their counters tells them apart.

import { describe, expect, test } from "vitest";
import type { Family } from "../../src/core/address.ts";
import { someOf } from "../support/extent.ts";
import { VARIANTS } from "./iptables/own-tables.ts";
import { FAMILIES, isCounted, isMarkedOurs, rulesOf, WorldTables } from "./iptables/world-tables.ts";

const OPTIONS = [
  "--redirect-all-dns-traffic",
  "--drop-invalid-packets",
  "--exclude-outbound-ips",
  "10.9.0.0/16,fd09::/32",
];
const PLAIN = "--disable-comments";

interface Line {
  readonly table: string;
  readonly chain: string;
  readonly spec: string;
}

/** The lines that an installation without comments has in the chains of others, but for its jumps. */
async function findUnmarked(tables: WorldTables, family: Family): Promise<Line[]> {
  await tables.install(...OPTIONS, PLAIN);
  const lines = await tables.save(family);
  await tables.uninstall();
  let table = "";
  return lines.flatMap((line) => {
    table = /^\*(.*)/.exec(line)?.[1] ?? table;
    const [, chain, spec] = /^\[0:0\] -A (\S+) (.*)/.exec(line) ?? [];
    if (chain === undefined || spec === undefined || isMarkedOurs(line)) return [];
    return [{ table, chain, spec }];
  });
}

function counted(lines: readonly string[]): string[] {
  return lines.filter(isCounted);
}

/** Of a single rule of ours nobody can say which one was there first: such a chain gets others only at its end. */
function isAlone({ table, chain }: Line, lines: readonly Line[]): boolean {
  return lines.filter((line) => line.table === table && line.chain === chain).length === 1;
}

interface Added {
  readonly blocks: readonly string[];
  readonly chains: Readonly<Record<string, readonly string[]>>;
}

/** What others add: a text for each line, and what each chain has of it then. */
function addAround(lines: readonly Line[]): Added {
  const chains: Record<string, readonly string[]> = {};
  const blocks = lines.map((line, index) => {
    const { table, chain, spec } = line;
    const [before, after] = [`[${index + 1}:55]`, `[${index + 1}:66]`];
    const alone = isAlone(line, lines);
    const place = `${table} ${chain}`;
    const first = alone ? [] : [`${before} -A ${chain} ${spec}`];
    chains[place] = [...first, ...(chains[place] ?? []), `${after} -A ${chain} ${spec}`];
    const inserted = alone ? [] : [`${before} -I ${chain} 1 ${spec}`];
    return [`*${table}`, ...inserted, `${after} -A ${chain} ${spec}`, "COMMIT"].join("\n");
  });
  return { blocks, chains };
}

function rulesByChain(lines: readonly string[]): Added["chains"] {
  let table = "";
  const placed = lines.flatMap((line) => {
    table = /^\*(.*)/.exec(line)?.[1] ?? table;
    const chain = /^\[\d+:\d+\] -A (\S+)/.exec(line)?.[1];
    return chain === undefined ? [] : [{ place: `${table} ${chain}`, line }];
  });
  const groups = Map.groupBy(placed, ({ place }) => place);
  return Object.fromEntries([...groups].map(([place, all]) => [place, all.map(({ line }) => line)]));
}

describe.each(someOf(VARIANTS, 2))("iptables-%s", (variant) => {
  /** ip6tables-nft 1.8.9 cannot set counters: there, only order and number can be compared. */
  function comparable(family: Family, chains: Added["chains"]): Added["chains"] {
    if (variant === "legacy" || family === 4) return chains;
    return Object.fromEntries(Object.entries(chains).map(([name, rules]) => [name, rulesOf(rules)]));
  }

  async function findLines(tables: WorldTables): Promise<Readonly<Record<Family, readonly Line[]>>> {
    const lines = { 4: await findUnmarked(tables, 4), 6: await findUnmarked(tables, 6) };
    for (const family of FAMILIES) expect(lines[family].length).toBeGreaterThanOrEqual(9);
    return lines;
  }

  test.each([[PLAIN], ["--verbose"]])("were there before, and stay: %s", async (style) => {
    await using tables = await WorldTables.create(variant);
    const lines = await findLines(tables);
    for (const family of FAMILIES) {
      const blocks = lines[family].map(
        ({ table, chain, spec }, index) => `*${table}\n[${index + 1}:77] -A ${chain} ${spec}\nCOMMIT`,
      );
      await tables.restore(family, [...blocks, ...blocks].join("\n"));
    }
    const before = await tables.saveBoth();
    for (const flags of [[...OPTIONS, style], [...OPTIONS, style, "--redirect-dns-port", "25053"], OPTIONS]) {
      await tables.install(...flags);
      for (const family of FAMILIES) {
        const now = await tables.save(family);
        expect(counted(now)).toEqual(counted(before[family]));
        expect(now.length).toBeGreaterThan(before[family].length + lines[family].length);
      }
      expect(await tables.status()).toMatchObject({ exitCode: 0 });
    }
    await tables.install(...OPTIONS, style);
    await tables.uninstall();
    expect(await tables.saveBoth()).toEqual(before);
  });

  test.each([[PLAIN], ["--verbose"]])("come while it is installed, and stay: %s", async (style) => {
    await using tables = await WorldTables.create(variant);
    const lines = await findLines(tables);
    await tables.install(...OPTIONS, style);
    const added = { 4: addAround(lines[4]), 6: addAround(lines[6]) };
    for (const family of FAMILIES) await tables.restore(family, added[family].blocks.join("\n"));
    const during = await tables.saveBoth();
    expect(counted(during[4]).length).toBe(Object.values(added[4].chains).flat().length);
    for (const flags of [[...OPTIONS, style], OPTIONS, [...OPTIONS, style]]) {
      await tables.install(...flags);
      for (const family of FAMILIES)
        expect(counted(await tables.save(family))).toEqual(counted(during[family]));
    }
    await tables.uninstall();
    for (const family of FAMILIES) {
      const after = comparable(family, rulesByChain(await tables.save(family)));
      expect(after).toEqual(comparable(family, added[family].chains));
    }
  });
});
