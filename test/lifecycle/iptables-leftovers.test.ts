// What iptables makes for rules besides the rules goes with them, as far as nobody else needs it.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ADDRESSES, FROM_REMOTE, Idle } from "../native/conntrack-world.ts";
import { makeTrustedDirectory } from "../support/trusted-directory.ts";
import { PROXY_UID, type World } from "../support/world.ts";
import { WorldTables } from "./iptables/world-tables.ts";
import { kernelRules, must } from "./iptables-support.ts";
import { expectFailure, expectInterception, expectNoInterception, expectNotInstalled } from "./support.ts";

/** With rules in raw, nat and mangle. */
const ALL_TABLES = ["--redirect-all-dns-traffic", "--drop-invalid-packets"];

const RESTORE6 = "/usr/sbin/ip6tables-nft-restore";

/** Stands in for ip6tables-restore: fails the first time that it is to change something. */
class FailingOnce implements Disposable {
  readonly #directory = makeTrustedDirectory("failing");
  readonly path = join(this.#directory, "ip6tables-nft-restore");

  constructor(action: string) {
    const text = `#!/bin/sh
case "$*" in *--version*) exec ${RESTORE6} "$@";; esac
[ -e ${this.#directory}/failed ] && exec ${RESTORE6} "$@"
touch ${this.#directory}/failed
${action}
echo not today >&2
exit 1
`;
    writeFileSync(this.path, text, { mode: 0o755 });
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }
}

async function untilNothingPasses(world: World): Promise<void> {
  const ports = "( sport = :15001 or sport = :15006 )";
  const sockets = () => must(world, ["ss", "-Htn", "state", "connected", "exclude", "time-wait", ports]);
  await expect.poll(sockets, { timeout: 20_000 }).toBe("");
}

describe("with nft, uninstall leaves what was there", () => {
  test("in a namespace where nothing was", async () => {
    await using tables = await WorldTables.create("nft");
    await tables.world.startProxy();
    expect(await kernelRules(tables.world)).toBe("");
    await tables.install(...ALL_TABLES);
    const installed = await kernelRules(tables.world);
    for (const family of ["ip", "ip6"])
      for (const table of ["raw", "nat", "mangle"]) expect(installed).toContain(`table ${family} ${table} {`);
    await expectInterception(tables.world);
    await untilNothingPasses(tables.world);
    expect((await tables.uninstall()).stderr).toBe("");
    expect(await kernelRules(tables.world)).toBe("");
    await expectNotInstalled(tables.world);
  });

  test("after a second installation that needs fewer tables", async () => {
    await using tables = await WorldTables.create("nft");
    await tables.install(...ALL_TABLES);
    await tables.install("--ip-family-mode=ipv4");
    await tables.uninstall();
    expect(await kernelRules(tables.world)).toBe("");
  });

  test("where others have tables, chains and rules, before and meanwhile", async () => {
    await using tables = await WorldTables.create("nft");
    const nft = (text: string) => must(tables.world, ["nft", "-f", "-"], { input: text });
    await nft("table ip nat { chain OUTPUT { type nat hook output priority -100; policy accept; }; }");
    await nft("table ip6 raw { set theirs { type ipv6_addr; }; }");
    const before = await kernelRules(tables.world);
    await tables.install(...ALL_TABLES);
    await tables.uninstall();
    expect(await kernelRules(tables.world)).toBe(before);
    await tables.install(...ALL_TABLES);
    await tables.iptables(4, "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", "1", "-j", "ACCEPT");
    await tables.iptables(4, "-t", "mangle", "-A", "FORWARD", "-p", "tcp", "--dport", "2", "-j", "ACCEPT");
    await tables.uninstall();
    const left = await kernelRules(tables.world);
    expect(left).toMatch(/table ip mangle \{\s*chain PREROUTING \{.*dport 1 .*chain FORWARD \{.*dport 2 /s);
    expect(left.replace(/(# Warning: [^\n]*\n)?table ip mangle \{.*?\n\}\n?/s, "").trim()).toBe(
      before.trim(),
    );
  });

  test("and a chain that others made meanwhile, though it is empty", async () => {
    await using tables = await WorldTables.create("nft");
    await tables.install();
    await tables.iptables(4, "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE");
    await tables.iptables(4, "-t", "nat", "-D", "POSTROUTING", "-j", "MASQUERADE");
    await tables.install();
    await tables.uninstall();
    expect(await kernelRules(tables.world)).toMatch(/^table ip nat \{\s*chain POSTROUTING \{[^}]*\}\s*\}$/);
  });

  test.each([
    ["before IPv6 had any rules", "cat > /dev/null"],
    ["when IPv6 had them", `${RESTORE6} "$@"`],
  ])("after an installation that failed %s", async (_, action) => {
    await using tables = await WorldTables.create("nft");
    using program = new FailingOnce(action);
    const given = ["iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save"];
    const names = given.map((name) => `${name}:/usr/sbin/${name.replace("tables", "tables-nft")}`);
    const executables = [...names, `ip6tables-restore:${program.path}`].join(",");
    const flags = ["--iptables-executables", executables, "--kuma-dp-user", String(PROXY_UID)];
    const args = ["install", "transparent-proxy", "--engine=iptables", ...ALL_TABLES, ...flags];
    expectFailure(await tables.tproxyctl(args), "IPTABLES_FAILED", /not today/);
    expect(await kernelRules(tables.world)).toBe("");
    await must(tables.world, ["nft", "add", "table", "ip", "mangle"]);
    await tables.install(...ALL_TABLES);
    await tables.uninstall();
    expect(await kernelRules(tables.world)).toBe("table ip mangle {\n}");
  });
});

describe.each(["nft", "legacy"] as const)("connections that pass through the proxy (%s)", (variant) => {
  async function holdAll(world: World): Promise<Idle[]> {
    const held: Idle[] = [];
    for (const family of ["v4", "v6"] as const) {
      held.push(await Idle.open(world, ADDRESSES[family].outbound, 5));
      held.push(await Idle.open(world, ADDRESSES[family].inbound, 5, FROM_REMOTE));
    }
    return held;
  }

  test("end with an uninstall, which says how many", async () => {
    await using tables = await WorldTables.create(variant);
    const { world } = tables;
    await world.startProxy();
    await tables.install(...ALL_TABLES);
    const held = await holdAll(world);
    const { stderr } = await tables.uninstall();
    expect(stderr).toMatch(
      /^note: 20 connections that the rules had redirected to the proxy ended with them$/m,
    );
    for (const connections of held) expect(await connections.countAlive()).toBe(0);
    await expectNotInstalled(world);
    await expectNoInterception(world);
    await expectNothingLeft(tables);
  });

  test("live on under eBPF; what they need goes with the next installation after their end", async () => {
    await using tables = await WorldTables.create(variant);
    const { world } = tables;
    await world.startProxy();
    await tables.install(...ALL_TABLES);
    const held = await holdAll(world);
    const eBpf = world.installArguments();
    expect(await tables.tproxyctl(eBpf)).toMatchObject({ exitCode: 0 });
    expect(await world.status()).toMatchObject({ exitCode: 0, status: { engine: "ebpf" } });
    expect((await tables.saveBoth())[4].join("\n")).toContain("KUMA_MESH_CONNTRACK");
    await expectInterception(world);
    for (const connections of held) expect(await connections.countAlive()).toBe(5);
    await untilNothingPasses(world);
    expect(await tables.tproxyctl(eBpf)).toMatchObject({ exitCode: 0 });
    await expectNothingLeft(tables);
    await expectInterception(world);
    await world.uninstall();
    await expectNothingLeft(tables);
  });

  test("live on under eBPF, until that is removed as well", async () => {
    await using tables = await WorldTables.create(variant);
    const { world } = tables;
    await world.startProxy();
    await tables.install();
    const held = await holdAll(world);
    expect(await tables.tproxyctl(world.installArguments())).toMatchObject({ exitCode: 0 });
    await world.uninstall();
    await expectNothingLeft(tables);
    for (const connections of held) await connections.countAlive();
  });
});

/** Legacy's tables stay, without a rule or chain. */
async function expectNothingLeft(tables: WorldTables): Promise<void> {
  const rules = await kernelRules(tables.world);
  if (tables.variant === "nft") expect(rules).toBe("");
  const saved = Object.values(await tables.saveBoth()).flat();
  expect(saved.filter((line) => /^(\[|-|:\S+ -)/.test(line))).toEqual([]);
}
