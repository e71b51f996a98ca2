// The lines are what iptables-save 1.8.9, nft and legacy alike, made of kumactl's texts.

import { describe, expect, test } from "vitest";
import { kumactlShapes } from "../../../../src/engine/iptables/kumactl-shapes.ts";
import { findOurs } from "../../../../src/engine/iptables/ownership.ts";
import type { AppliedRules } from "../../../../src/engine/iptables/record.ts";
import type { SavedRule, Snapshot } from "../../../../src/engine/iptables/saved.ts";

const CHAINS = [
  "KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN",
  "KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT",
  "KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
];

/** Where what goes out is not redirected, no rule tells the user. */
const WITHOUT_OUTBOUND = ["KUMA_MESH_OUTBOUND -p tcp -j RETURN"];

function ruleOf(line: string): SavedRule {
  const [chain = "", ...words] = line.split(" ");
  return { chain, position: 1, spec: words.join(" ") };
}

function snapshotOf(lines: readonly string[]): Snapshot {
  return { tables: [{ name: "nat", chains: [], rules: lines.map(ruleOf) }], incompatible: [] };
}

function matches(line: string, chains = CHAINS): boolean {
  const [table = "", ...words] = line.split(" ");
  return kumactlShapes(snapshotOf(chains))(table, ruleOf(words.join(" ")));
}

describe("what kumactl writes", () => {
  test.each([
    "nat OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j RETURN",
    "nat OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j DOCKER_OUTPUT",
    "nat OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j SOME_CHAIN",
    "nat OUTPUT -p udp -m udp --dport 53 -m owner --gid-owner 5678 -j RETURN",
    "nat OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -d 10.0.0.53/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -d fd00::53/128 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -p tcp -m tcp --dport 53 -m owner ! --uid-owner 5678 -j RETURN",
    "nat OUTPUT -p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 106-108 -j RETURN",
    "nat OUTPUT -p udp -m multiport --dports 1:65535 -m owner --uid-owner 0 -j RETURN",
    "nat OUTPUT -p tcp -m tcp --dport 3000:5000 -m owner --uid-owner 106-108 -j RETURN",
    'nat OUTPUT -j LOG --log-prefix "OUTPUT:" --log-level 7',
    'nat OUTPUT -j LOG --log-prefix "OUTPUT:"',
    'nat PREROUTING -j LOG --log-prefix "PREROUTING:" --log-level 7',
    "nat PREROUTING -i br+ -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat PREROUTING ! -d 172.17.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 15001",
    "nat PREROUTING ! -d fd00:9::/64 -i veth1 -p tcp -j REDIRECT --to-ports 15001",
    "raw OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j CT --zone 1",
    "raw OUTPUT -p udp -m udp --sport 15053 -m owner --uid-owner 5678 -j CT --zone 2",
    "raw OUTPUT -p udp -m udp --sport 15053 -m owner --gid-owner 5678 -j CT --zone 2",
    "raw OUTPUT -p udp -m udp --dport 53 -j CT --zone 2",
    "raw OUTPUT -d fd00::53/128 -p udp -m udp --dport 53 -j CT --zone 2",
    "raw OUTPUT -s 127.0.0.11/32 -d 127.0.0.1/32 -p udp -j CT --zone 1",
    "raw PREROUTING -p udp -m udp --sport 53 -j CT --zone 1",
    "raw PREROUTING -s 10.0.0.53/32 -p udp -m udp --sport 53 -j CT --zone 1",
    "raw PREROUTING -d fd00::53/128 -p udp -m udp --sport 53 -j CT --zone 1",
  ])("%s", (line) => expect(matches(line)).toBe(true));

  test.each([
    "nat OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 77 -j DOCKER_OUTPUT",
    "nat OUTPUT -p tcp -m tcp --dport 53 -m owner ! --uid-owner 77 -j RETURN",
    "raw OUTPUT -p udp -m udp --sport 25053 -m owner --uid-owner 77 -j CT --zone 2",
  ])("of any user where its chains do not tell: %s", (line) => {
    expect(matches(line, WITHOUT_OUTBOUND)).toBe(true);
    expect(matches(line)).toBe(false);
  });
});

describe("what others write", () => {
  test.each([
    "nat OUTPUT -d 10.9.0.0/16 -j RETURN",
    "mangle PREROUTING -m conntrack --ctstate INVALID -j DROP",
    "nat OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 --gid-owner 5678 -j RETURN",
    "raw OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 15678 -j CT --zone 1",
    "nat OUTPUT -p udp -m udp --dport 53 -m mark --mark 0x1 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053 --random",
    "nat OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 1000-2000",
    "nat OUTPUT ! -d 10.0.0.53/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -s 10.0.0.53/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -o eth0 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -p udp -m udp --dport 5353 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -p udp -m udp --dport 53 -j DNAT --to-destination 10.0.0.1",
    "nat OUTPUT -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053",
    "nat OUTPUT -p tcp -m tcp --dport 53 -j RETURN",
    "nat OUTPUT -p tcp -m owner --uid-owner 106-108 -j RETURN",
    "nat OUTPUT -p tcp -m multiport --dports 53 -m owner ! --uid-owner 106 -j RETURN",
    "nat OUTPUT -p tcp -m multiport --sports 53 -m owner --uid-owner 106 -j RETURN",
    "nat OUTPUT -p tcp -m multiport --dports 53 -m owner --uid-owner 106 -j ACCEPT",
    'nat OUTPUT -j LOG --log-prefix "OUTPUT: "',
    'nat OUTPUT -p tcp -j LOG --log-prefix "OUTPUT:" --log-level 7',
    'nat OUTPUT -j LOG --log-prefix "OUTPUT:" --log-level 7 --log-uid',
    'nat PREROUTING -j LOG --log-prefix "OUTPUT:" --log-level 7',
    "nat PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "nat PREROUTING ! -d 172.17.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 8080",
    "nat PREROUTING -d 172.17.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 15001",
    "nat PREROUTING ! -d 172.17.0.0/16 ! -i br+ -p tcp -j REDIRECT --to-ports 15001",
    "nat PREROUTING ! -d 172.17.0.0/16 -p tcp -j REDIRECT --to-ports 15001",
    "nat INPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "raw OUTPUT -p udp -m udp --dport 53 -j CT --zone 1",
    "raw OUTPUT -p udp -m udp --dport 53 -j CT --zone 22",
    "raw OUTPUT -p udp -m udp --dport 53 -j CT --notrack",
    "raw OUTPUT -p udp -j CT --zone 1",
    "raw OUTPUT -s 10.0.0.53/32 -d 10.0.0.1/32 -p udp -j CT --zone 1",
    "raw PREROUTING -p udp -m udp --sport 53 -j CT --zone 2",
    "raw PREROUTING -p udp -m udp --dport 53 -j CT --zone 1",
    "raw PREROUTING -p tcp -m tcp --sport 53 -j CT --zone 1",
    "filter OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j RETURN",
  ])("%s", (line) => expect(matches(line)).toBe(false));

  test("a jump of any user's queries to a chain, where kumactl's chains do not tell the user", () => {
    const line = "nat OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 77 -j SOME_CHAIN";
    expect(matches(line, WITHOUT_OUTBOUND)).toBe(false);
  });
});

describe("the shapes count", () => {
  const LOOK_ALIKE = "OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053";
  const COMMENT = '-m comment --comment "kuma/mesh/transparent/proxy/x"';
  const RECORD: AppliedRules = { family: 4, mode: "nft", rules: ["nat OUTPUT -p tcp -j X"], comments: false };

  test.each<[string, readonly string[], readonly AppliedRules[], number]>([
    ["where kumactl's chains are", CHAINS, [], 1],
    ["where those of its older engine are", ["MESH_OUTPUT -j MESH_REDIRECT"], [], 1],
    ["beside a record of rules that have comments", CHAINS, [{ ...RECORD, comments: true }], 1],
    ["beside a record of none", CHAINS, [{ ...RECORD, rules: [] }], 1],
    ["not where none of its chains is", [], [], 0],
    ["not where its chains have comments", CHAINS.map((line) => line.replace(" ", ` ${COMMENT} `)), [], 0],
    ["not beside a record of rules without", CHAINS, [RECORD], 0],
    ["not where only connections are kept", ["KUMA_MESH_CONNTRACK -p tcp -j REDIRECT --to-ports 1"], [], 0],
  ])("%s", (_title, chains, recorded, count) => {
    const ours = findOurs(snapshotOf([...chains, LOOK_ALIKE]), recorded);
    expect(ours.flatMap(({ rules }) => rules)).toHaveLength(count);
  });
});
