// What kumactl itself left: it is removed, or replaced, as if it were ours.

import { describe, expect, test } from "vitest";
import { someOf } from "../support/extent.ts";
import { KUMACTL_CASES } from "./iptables/kumactl-texts.ts";
import { VARIANTS } from "./iptables/own-tables.ts";
import { FAMILIES, mustWork, rulesOf, WorldTables } from "./iptables/world-tables.ts";

/** Others' rules that look like kumactl's, and are about another user, port or interface; or that anybody writes. */
const LOOK_ALIKES = [
  "*nat",
  "[1:11] -A OUTPUT -p udp --dport 53 -m owner --uid-owner 53 -j OTHERS",
  "[2:22] -A OUTPUT -p tcp --dport 53 -m owner ! --uid-owner 53 -j RETURN",
  '[3:33] -A OUTPUT -j LOG --log-prefix "OUTPUT: "',
  "[3:34] -A OUTPUT -d 10.1.0.0/16 -j RETURN",
  "[4:44] -A PREROUTING -i br+ -p tcp --dport 80 -j REDIRECT --to-ports 15001",
  "COMMIT",
  "*raw",
  "[5:55] -A OUTPUT -p udp --dport 53 -m owner --uid-owner 53 -j CT --zone 1",
  "[6:66] -A PREROUTING -p udp --sport 53 -j CT --zone 3",
  "COMMIT",
  "*mangle",
  "[7:77] -A PREROUTING -m conntrack --ctstate INVALID -j DROP",
  "COMMIT",
]
  .join("\n")
  .replace("*nat", "*nat\n:OTHERS - [0:0]");

/** All tables are there from the beginning: what iptables-save says differs in nothing else. */
function createTables(variant: (typeof VARIANTS)[number]): Promise<WorldTables> {
  return WorldTables.create(variant, async (tables) => {
    for (const family of FAMILIES) {
      const text = family === 4 ? LOOK_ALIKES : LOOK_ALIKES.replace("10.1.0.0/16", "fd01::/16");
      await tables.restore(family, text);
    }
  });
}

type Case = (typeof KUMACTL_CASES)[number];

/** As kumactl does it, the address on lo included. */
async function installKumactl(tables: WorldTables, { text }: Case): Promise<void> {
  for (const family of FAMILIES) {
    const restore = [tables.program(family, "-restore"), "--noflush"];
    await tables.must(restore, { input: `${text(family)}\n` });
    expect((await tables.save(family)).join("\n")).toMatch(/^:(KUMA_)?MESH_/m);
  }
  await tables.world.ip("service", "address", "add", "::6/128", "dev", "lo");
}

async function hasPassthroughAddress({ world }: WorldTables): Promise<boolean> {
  return (await world.ip("service", "-6", "address", "show", "dev", "lo")).includes(" ::6/128 ");
}

describe.each(someOf(VARIANTS, 2))("iptables-%s", (variant) => {
  test.each(KUMACTL_CASES)("uninstall removes all of $name", async (release) => {
    await using tables = await createTables(variant);
    const before = await tables.saveBoth();
    await installKumactl(tables, release);
    expect(await tables.status()).toMatchObject({ exitCode: 2, stdout: expect.stringMatching(/kumactl/) });
    await tables.uninstall();
    expect(await tables.saveBoth()).toEqual(before);
    expect(await hasPassthroughAddress(tables)).toBe(false);
    expect(await tables.status()).toMatchObject({ exitCode: 1 });
  });

  test.each(KUMACTL_CASES)("install takes the place of $name", async (release) => {
    await using tables = await createTables(variant);
    const flags = ["--redirect-all-dns-traffic", "--exclude-outbound-ports", "5432"];
    const before = await tables.saveBoth();
    await tables.install(...flags);
    const wanted = await tables.saveBoth();
    await tables.uninstall();

    await installKumactl(tables, release);
    const { stdout } = await tables.install(...flags);
    expect(stdout).toMatch(/completed successfully \(engine: iptables, changed in place\)/);
    for (const family of FAMILIES)
      expect(rulesOf(await tables.save(family))).toEqual(rulesOf(wanted[family]));
    expect(await hasPassthroughAddress(tables)).toBe(true);
    expect(await tables.status()).toMatchObject({ exitCode: 0 });
    await tables.uninstall();
    expect(await tables.saveBoth()).toEqual(before);
    expect(await hasPassthroughAddress(tables)).toBe(false);
  });

  test.each(KUMACTL_CASES)("eBPF takes the place of $name", async (release) => {
    await using tables = await createTables(variant);
    const before = await tables.saveBoth();
    await installKumactl(tables, release);
    const { stdout } = mustWork(await tables.tproxyctl(tables.world.installArguments("--engine=ebpf")));
    expect(stdout).toMatch(/completed successfully \(engine: ebpf/);
    expect(await tables.saveBoth()).toEqual(before);
    expect(await hasPassthroughAddress(tables)).toBe(true);
    await tables.world.uninstall();
    expect(await tables.saveBoth()).toEqual(before);
    expect(await hasPassthroughAddress(tables)).toBe(false);
  });
});
