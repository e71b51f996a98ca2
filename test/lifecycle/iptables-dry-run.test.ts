// `--dry-run` says exactly what would be applied, and changes nothing.

import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Family } from "../../src/core/address.ts";
import { someOf } from "../support/extent.ts";
import { expectState, kernelState } from "../support/kernel-state.ts";
import { APP_UID, TPROXYCTL } from "../support/world.ts";
import { VARIANTS } from "./iptables/own-tables.ts";
import { FAMILIES, mustWork, rulesOf, WorldTables } from "./iptables/world-tables.ts";
import { kernelRules } from "./iptables-support.ts";

const HEADING = { 4: "### IPv4 ###", 6: "### IPv6 ###" } as const;

/** The text of each family; undefined where it has none. Fails where the layout is not kumactl's. */
function split(stdout: string): Partial<Record<Family, string>> {
  const layout = /^### IPv4 ###\n\n(\* .*?\nCOMMIT)(?:\n\n### IPv6 ###\n\n(\* .*\nCOMMIT))?$/s;
  const [, ipv4, ipv6] = layout.exec(stdout) ?? [];
  if (ipv4 === undefined || ipv4.includes("###")) throw new Error(`the layout is not kumactl's:\n${stdout}`);
  return ipv6 === undefined ? { 4: ipv4 } : { 4: ipv4, 6: ipv6 };
}

/** Lines by their table: tables are in the order in which the kernel made them, which is not ours to say. */
function byTable(lines: readonly string[]): Readonly<Record<string, string>> {
  const texts = rulesOf(lines).join("\n").split(/^\*/m).slice(1);
  return Object.fromEntries(texts.map((text) => [text.split("\n", 1)[0], text.trimEnd()]));
}

/** Runs something that must not change anything: rules, tables, addresses, files in /run. */
async function unchanged<T>({ world }: WorldTables, action: () => Promise<T>): Promise<T> {
  const before = { state: await kernelState(world), rules: await kernelRules(world) };
  const result = await action();
  expect(await kernelRules(world)).toBe(before.rules);
  await expectState(world, before.state);
  return result;
}

function dryRun(tables: WorldTables, ...flags: readonly string[]) {
  const args = tables.installArguments("--dry-run", ...flags);
  return unchanged(tables, async () => mustWork(await tables.tproxyctl(args)));
}

async function mustSplit(tables: WorldTables, ...flags: readonly string[]) {
  return split((await dryRun(tables, ...flags)).stdout);
}

describe.each(someOf(VARIANTS, 2))("iptables-%s", (variant) => {
  test.each<[readonly string[]]>([
    [[]],
    [["--verbose"]],
    [["--redirect-all-dns-traffic", "--vnet", "br+:172.17.0.0/16", "--iptables-logs", "--verbose"]],
    [
      [
        "--disable-comments",
        "--drop-invalid-packets",
        "--redirect-dns",
        "--exclude-inbound-ips",
        "10.9.0.0/16",
      ],
    ],
    [["--exclude-outbound-ports-for-uids", "tcp:1,2,3000-4000:106-108", "--exclude-outbound-ips", "fd09::1"]],
    [
      [
        "--redirect-outbound-insert-instead-of-append",
        "--exclude-inbound-ports",
        "22",
        "--ip-family-mode",
        "ipv4",
      ],
    ],
  ])("prints what an installation applies: %j", async (flags) => {
    await using tables = await WorldTables.create(variant);
    const { stdout, stderr } = await dryRun(tables, ...flags);
    const texts = split(stdout);
    expect(Object.keys(texts)).toEqual(flags.includes("ipv4") ? ["4"] : ["4", "6"]);
    expect(stderr).not.toMatch(/KUMA_MESH/);
    await tables.install(...flags);
    const installed = await tables.saveBoth();

    await using fresh = await WorldTables.create(variant);
    for (const family of FAMILIES) {
      const input = texts[family];
      if (input === undefined) continue;
      await fresh.must([fresh.program(family, "-restore"), "--noflush"], { input: `${input}\n` });
      expect(byTable(await fresh.save(family))).toEqual(byTable(installed[family]));
      expect(rulesOf(installed[family]).filter((line) => line.startsWith("-A")).length).toBeGreaterThan(10);
    }
  });

  test("over an installation prints the new one, and leaves the old one", async () => {
    await using tables = await WorldTables.create(variant);
    await tables.install();
    const { stdout, stderr } = await dryRun(tables, "--redirect-inbound-port", "25006");
    expect(split(stdout)[6]).toMatch(/-j REDIRECT --to-ports 25006$/m);
    expect(stderr).toMatch(/would be replaced: lines that remove them come before these/);
  });

  test("of uninstall prints what removes it, and changes nothing", async () => {
    await using tables = await WorldTables.create(variant);
    const args = ["uninstall", "transparent-proxy", "--dry-run"];
    const nothing = await unchanged(tables, async () => mustWork(await tables.tproxyctl(args)));
    expect(nothing.stdout).toMatch(/nothing is installed/);
    expect(nothing.stdout).not.toMatch(/::6/);
    await tables.install("--redirect-all-dns-traffic", "--disable-comments");
    const { stdout } = await unchanged(tables, async () => mustWork(await tables.tproxyctl(args)));
    expect(stdout).toMatch(/^# the address ::6 on lo$/m);
    const parts = stdout.split(/^# (\S+-restore)$/m).slice(1);
    expect(parts.length).toBe(4);
    for (let index = 0; index < parts.length; index += 2) {
      const [program = "", input = ""] = parts.slice(index, index + 2);
      await tables.must([program, "--noflush"], { input: `${input.trim()}\n` });
    }
    const { 4: ipv4, 6: ipv6 } = await tables.saveBoth();
    expect([...ipv4, ...ipv6].filter((line) => /^\[|^:KUMA_/.test(line))).toEqual([]);
  });
});

test("without root prints the same, with a warning", async () => {
  await using tables = await WorldTables.create("nft");
  const { stdout } = await dryRun(tables);
  const args = tables.installArguments("--dry-run");
  const result = await unchanged(tables, async () =>
    mustWork(await tables.tproxyctl(args, { uid: APP_UID })),
  );
  expect(result.stdout).toBe(stdout);
  expect(result.stderr).toMatch(/^warning: without root/);
});

test("without iptables prints rules without comments and zones, and says what that means", async () => {
  await using tables = await WorldTables.create("nft");
  const empty = mkdtempSync(join(tmpdir(), "tproxyctl-empty-"));
  tables.world.defer(async () => rmdirSync(empty));
  const flags = ["--engine=iptables", "--dry-run", "--kuma-dp-user", "5678", "--redirect-all-dns-traffic"];
  const script = `mount --bind ${empty} /usr/sbin && exec "$@"`;
  const hide = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  for (const [options, command] of [
    [{}, hide],
    [{}, [...hide, "setpriv", "--reuid", String(APP_UID), "--clear-groups"]],
  ] as const) {
    const { stdout, stderr } = await unchanged(tables, async () =>
      mustWork(
        await tables.world.run([...command, TPROXYCTL, "install", ...flags], { cgroup: false, ...options }),
      ),
    );
    const texts = split(stdout);
    for (const family of FAMILIES) {
      expect(texts[family]).toMatch(/^-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND$/m);
      expect(texts[family]).not.toMatch(/comment|-j CT|\* raw/);
    }
    expect(stderr).toMatch(/no usable iptables|neither iptables/);
    expect(stderr).toMatch(/install would fail here; .*without comments and without conntrack zones/);
    expect(stderr).toMatch(/apt-get install iptables/);
  }
});

test("IPv6 is left out where it is not wanted, and where there is none", async () => {
  await using tables = await WorldTables.create("nft");
  expect(Object.keys(await mustSplit(tables, "--ip-family-mode", "ipv4"))).toEqual(["4"]);
  await tables.world.ip("service", "-6", "address", "flush", "dev", "eth0");
  const { stdout, stderr } = await dryRun(tables);
  expect(Object.keys(split(stdout))).toEqual(["4"]);
  expect(stdout).not.toContain(HEADING[6]);
  expect(stderr).toMatch(/IPv6 is left alone: there is no IPv6 address here/);
});
