import { execFileSync, spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { listHooks, type NftObject, removeIfUnused } from "../../src/host/nft-chains.ts";
import { deleteAt, readNftRuleset } from "../../src/host/nft-ruleset.ts";
import { projectRoot } from "../support/project-files.ts";
import { ScratchNetns } from "./support.ts";

const RULES = `*raw
-A OUTPUT -p udp -j CT --zone 1
COMMIT
*nat
-N OURS
-A OURS -p tcp -j REDIRECT --to-ports 15001
-A PREROUTING -p tcp -j OURS
-A OUTPUT -p tcp -j OURS
COMMIT
*mangle
-A PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
`;

const NO_RULES = `*raw
-D OUTPUT -p udp -j CT --zone 1
COMMIT
*nat
-D PREROUTING -p tcp -j OURS
-D OUTPUT -p tcp -j OURS
-F OURS
-X OURS
COMMIT
*mangle
-D PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
`;

const MADE = ["raw", "raw OUTPUT", "nat", "nat PREROUTING", "nat OUTPUT", "mangle", "mangle PREROUTING"];

function made(family: "ip" | "ip6"): NftObject[] {
  return MADE.map((name) => `${family} ${name}` as NftObject);
}

/** A network namespace with what iptables-nft left there. What was in it before is nobody's of ours. */
class Left extends ScratchNetns {
  readonly before: string;
  readonly made: readonly NftObject[];

  constructor(family: "ip" | "ip6" = "ip", foreign: readonly string[] = []) {
    super();
    for (const command of foreign) this.nft(command);
    this.before = this.ruleset();
    const there = new Set(listHooks());
    const restore = `${family}tables-nft-restore`;
    for (const input of [RULES, NO_RULES]) execFileSync(restore, ["--noflush"], { input });
    this.made = listHooks().filter((object) => !there.has(object));
  }

  nft(command: string): void {
    this.run("nft", command);
  }

  /** Without handles, which count on. */
  ruleset(): string {
    const { nftables } = JSON.parse(this.run("nft", "-j", "list", "ruleset"));
    return JSON.stringify(nftables.slice(1), (key, value) => (key === "handle" ? undefined : value), 1);
  }
}

describe.each(["ip", "ip6"] as const)("what %stables-nft made", (family) => {
  test("is listed, and all of it is removed", () => {
    using netns = new Left(family);
    expect(netns.before).toBe("[]");
    expect(new Set(netns.made)).toEqual(new Set(made(family)));
    expect(new Set(removeIfUnused(netns.made))).toEqual(new Set(made(family)));
    expect(netns.ruleset()).toBe("[]");
    expect(listHooks()).toEqual([]);
    expect(removeIfUnused(netns.made)).toEqual([]);
  });

  test("stays where it was not asked for", () => {
    using netns = new Left(family);
    const all = netns.ruleset();
    expect(removeIfUnused([])).toEqual([]);
    expect(netns.ruleset()).toBe(all);
    expect(removeIfUnused([`${family} raw`, `${family} nat FORWARD`])).toEqual([]);
    expect(netns.ruleset()).toBe(all);
    expect(removeIfUnused([`${family} nat OUTPUT`])).toEqual([`${family} nat OUTPUT`]);
    expect(listHooks()).toEqual(expect.arrayContaining([`${family} nat`, `${family} nat PREROUTING`]));
    expect(listHooks()).not.toContain(`${family} nat OUTPUT`);
  });
});

const BASE = (hook: string) => `{ type nat hook ${hook} priority 0; policy accept; }`;

test.each([
  ["an empty table", ["add table ip nat"]],
  ["a base chain", ["add table ip nat", `add chain ip nat theirs ${BASE("output")}`]],
  [
    "a base chain of our names",
    [
      "add table ip nat",
      "add chain ip nat OUTPUT { type nat hook output priority -100; policy accept; }",
      "add chain ip raw OUTPUT { type filter hook output priority -300; policy drop; }",
    ],
  ],
  ["a set", ["add table ip raw", "add set ip raw theirs { type ipv4_addr; elements = { 10.0.0.1 }; }"]],
  ["the other family's", ["add table ip6 nat", `add chain ip6 nat OUTPUT ${BASE("output")}`]],
  ["one for both families", ["add table inet nat", `add chain inet nat OUTPUT ${BASE("output")}`]],
])("what was there before is as it was: %s", (_, commands) => {
  using netns = new Left(
    "ip",
    commands.flatMap((command) => withTable(command)),
  );
  expect(netns.made).not.toEqual([]);
  removeIfUnused(netns.made);
  expect(netns.ruleset()).toBe(netns.before);
});

/** nft wants the table to be there first. */
function withTable(command: string): string[] {
  const [, family, table] = /^add chain (\S+) (\S+)/.exec(command) ?? [];
  return family === undefined ? [command] : [`add table ${family} ${table}`, command];
}

describe("what others put into what we made keeps it", () => {
  test.each<[string, string, readonly string[]]>([
    ["a rule", "add rule ip nat OUTPUT tcp dport 1 counter accept", ["ip nat", "ip nat OUTPUT"]],
    ["a chain", "add chain ip nat theirs", ["ip nat"]],
    ["a base chain", `add chain ip nat theirs ${BASE("output")}`, ["ip nat", "ip nat theirs"]],
    ["a set", "add set ip nat theirs { type ipv4_addr; }", ["ip nat"]],
    ["a map", "add map ip nat theirs { type ipv4_addr : verdict; }", ["ip nat"]],
    ["a counter", "add counter ip nat theirs", ["ip nat"]],
    [
      "a policy",
      "add chain ip raw OUTPUT { type filter hook output priority -300; policy drop; }",
      ["ip raw", "ip raw OUTPUT"],
    ],
    ["a table that sleeps", "add table ip mangle { flags dormant; }", ["ip mangle", "ip mangle PREROUTING"]],
  ])("%s", (_, command, kept) => {
    using netns = new Left();
    netns.nft(command);
    removeIfUnused(netns.made);
    expect(listHooks()).toEqual(kept);
    // And it goes when they have gone.
    expect(removeIfUnused(netns.made)).toEqual([]);
  });

  test("until they take it away", () => {
    using netns = new Left();
    netns.nft("add rule ip nat OUTPUT tcp dport 1 accept");
    removeIfUnused(netns.made);
    netns.nft("flush chain ip nat OUTPUT");
    expect(removeIfUnused(netns.made)).toEqual(["ip nat OUTPUT", "ip nat"]);
    expect(netns.ruleset()).toBe("[]");
  });
});

describe("the kernel refuses", () => {
  const nat = { family: "ip", table: "nat" } as const;
  const all = [{ ...nat, chain: "OUTPUT" }, { ...nat, chain: "PREROUTING" }, nat];

  test.each([
    "add rule ip nat OUTPUT tcp dport 1 accept",
    "add set ip nat theirs { type ipv4_addr; }",
    "add table ip theirs",
  ])("a removal when something changed since we looked: %s", (command) => {
    using netns = new Left();
    const { generation } = readNftRuleset("ip");
    netns.nft(command);
    const changed = netns.ruleset();
    expect(deleteAt(generation, all)).toBe(false);
    expect(netns.ruleset()).toBe(changed);
  });

  test.each([
    ["add rule ip nat OUTPUT tcp dport 1 accept", [{ ...nat, chain: "OUTPUT" }]],
    ["add rule ip nat OUTPUT tcp dport 1 accept", all],
    ["add set ip nat theirs { type ipv4_addr; }", all],
    ["add set ip nat theirs { type ipv4_addr; }", [nat]],
  ])("to remove what is in use, even if we had not looked: %s", (command, deletions) => {
    using netns = new Left();
    netns.nft(command);
    const before = netns.ruleset();
    const { generation } = readNftRuleset("ip");
    expect(() => deleteAt(generation, deletions)).toThrow(/deleting ip nat.*: EBUSY$/);
    expect(netns.ruleset()).toBe(before);
  });

  test("nothing of a removal that nothing speaks against", () => {
    using netns = new Left();
    expect(deleteAt(readNftRuleset("ip").generation, all)).toBe(true);
    expect(listHooks()).toEqual(made("ip").filter((object) => !object.startsWith("ip nat")));
    expect(netns.before).toBe("[]");
  });
});

// A shell in the namespace that changes something else all the time; each round is one change after another.
const CHANGES =
  'echo ready; while nft "add table ip theirs; add set ip theirs s { type ipv4_addr; }" && nft "delete table ip theirs"; do :; done';

test("while others change other things, what we made is removed all the same", () => {
  using netns = new Left();
  const others = spawn("sh", ["-c", CHANGES], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const { generation } = readNftRuleset("ip");
    const deadline = Date.now() + 10_000;
    while (readNftRuleset("ip").generation === generation && Date.now() < deadline);
    expect(new Set(removeIfUnused(netns.made))).toEqual(new Set(made("ip")));
    expect(listHooks()).toEqual([]);
  } finally {
    others.kill("SIGKILL");
  }
});

test("without the capability it is an error that says so", () => {
  using _netns = new ScratchNetns();
  const program = `
    import { listHooks } from "${projectRoot}/src/host/nft-chains.ts";
    try { console.log(listHooks()); } catch (error) { console.log(error.code, error.hint); }`;
  const args = ["--clear-groups", "--bounding-set=-net_admin", process.execPath, "--input-type=module"];
  const said = execFileSync("setpriv", [...args, "--eval", program], { encoding: "utf8" });
  expect(said).toMatch(/^CAPABILITY_MISSING .*CAP_NET_ADMIN/);
});
