import { describe, expect, test } from "vitest";
import { canonicalRule, commentOf, jumpOf } from "../../../../src/engine/iptables/canonical.ts";
import { makeRules } from "../../../../src/engine/iptables/make-rules.ts";
import { renderSpec } from "../../../../src/engine/iptables/render.ts";
import { samplePlan } from "../../../support/plan-samples.ts";
import { RULE_CASES } from "../../../support/rule-cases/all.ts";

const COMMENT = '-m comment --comment "kuma/mesh/transparent/proxy/it is \\"ours\\""';

describe("what iptables-save makes of a rule has the form of the rule", () => {
  test.each([
    ["-p tcp --dport 80 -j RETURN", "-p tcp -m tcp --dport 80 -j RETURN"],
    ["-p udp --sport 53 -j CT --zone 1", "-p udp -m udp --sport 53 -j CT --zone 1"],
    [`${COMMENT} -p tcp -j RETURN`, `-p tcp ${COMMENT} -j RETURN`],
    [`${COMMENT} -p tcp -j RETURN`, "-p tcp -j RETURN"],
    [
      "-p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 106:108 -j RETURN",
      "-p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 106-108 -j RETURN",
    ],
    [
      "-m multiport -p tcp --dport 53,3000:5000 -m owner --uid-owner 106:108 -j RETURN",
      "-p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 106-108 -j RETURN",
    ],
    ["-p udp -m multiport --dports 9:9 -j RETURN", "-p udp -m multiport --dports 9 -j RETURN"],
    ["-m owner --uid-owner 5-5 -j RETURN", "-m owner --uid-owner 5 -j RETURN"],
    [
      "-p tcp -o lo ! -d 127.0.0.1 -m owner --uid-owner 5678 -j X",
      "! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 5678 -j X",
    ],
    ["-d 10.1.2.3/8 -j RETURN", "-d 10.0.0.0/8 -j RETURN"],
    ["-d fd00:0:0:0:0:0:0:1 -j RETURN", "-d fd00::1/128 -j RETURN"],
    ["-d ::ffff:1.2.3.4 -j RETURN", "-d ::ffff:1.2.3.4/128 -j RETURN"],
    ["-s 0.0.0.0/0 -d ::/0 -j RETURN", "-j RETURN"],
    ["-i + -j RETURN", "-j RETURN"],
    ["-j LOG --log-prefix OUTPUT: --log-level 7", '-j LOG --log-prefix "OUTPUT:" --log-level 7'],
    ["-j LOG --log-level debug --log-prefix OUTPUT:", '-j LOG --log-prefix "OUTPUT:" --log-level 7'],
    ["-j LOG --log-prefix OUTPUT: --log-level 4", '-j LOG --log-prefix "OUTPUT:"'],
    [
      "-i br+ -m udp -p udp --dport 53 -j REDIRECT --to-ports 9",
      "-i br+ -p udp -m udp --dport 53 -j REDIRECT --to-ports 9",
    ],
    ["-p 6 -j REDIRECT --to-port 9-9", "-p tcp -j REDIRECT --to-ports 9"],
    ["-p all -j RETURN", "-j RETURN"],
    ["-p TCP --dport 5: -j RETURN", "-p tcp -m tcp --dport 5:65535 -j RETURN"],
    ["-p tcp --sport 5:5 --dport 0:65535 -j RETURN", "-p tcp -m tcp --sport 5 -j RETURN"],
    ["-m conntrack --ctstate RELATED,NEW -j X", "-m conntrack --ctstate NEW,RELATED -j X"],
    [
      "--match owner ! --uid-owner 1 --protocol tcp --destination-port 2 --source 10.0.0.1 --jump RETURN",
      "-s 10.0.0.1/32 -p tcp -m tcp --dport 2 -m owner ! --uid-owner 1 -j RETURN",
    ],
  ])("%s", (ours, saved) => expect(canonicalRule(ours)).toBe(canonicalRule(saved)));
});

describe("what means something else has another form", () => {
  test.each([
    ["-p tcp -j RETURN", "-p udp -j RETURN"],
    ["-p tcp -j RETURN", "! -p tcp -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -g RETURN"],
    ["-p tcp -j X", "-p tcp -j x"],
    ["-p tcp -j RETURN", "-p tcp"],
    ["-p tcp --dport 80 -j RETURN", "-p tcp --sport 80 -j RETURN"],
    ["-p tcp --dport 80 -j RETURN", "-p udp --dport 80 -j RETURN"],
    ["-p tcp --dport 80 -j RETURN", "-p tcp ! --dport 80 -j RETURN"],
    ["-p tcp --dport 80 -j RETURN", "-p tcp -m tcp --dport 80 --tcp-flags SYN SYN -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j RETURN"],
    ["-p tcp -m multiport --dports 80 -j RETURN", "-p tcp --dport 80 -j RETURN"],
    ["-p tcp -m multiport --dports 80 -j RETURN", "-p tcp -m multiport --ports 80 -j RETURN"],
    ["-p tcp -m multiport --dports 80 -j RETURN", "-p sctp -m multiport --dports 80 -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -m multiport ! --dports 80 -j RETURN"],
    ["-m owner --uid-owner 5 -j RETURN", "-m owner --gid-owner 5 -j RETURN"],
    ["-m owner --uid-owner 5 -j RETURN", "-m owner ! --uid-owner 5 -j RETURN"],
    ["-m owner --uid-owner 5 -j RETURN", "-m owner --uid-owner 5 --gid-owner 5 -j RETURN"],
    ["-m owner --uid-owner 5 -j RETURN", "-m owner --uid-owner 5 --socket-exists -j RETURN"],
    ["-m owner --uid-owner 5-6 -j RETURN", "-m owner --uid-owner 5 -j RETURN"],
    ["-d 10.0.0.0/8 -j RETURN", "-s 10.0.0.0/8 -j RETURN"],
    ["-d 10.0.0.0/8 -j RETURN", "-d 10.0.0.0/9 -j RETURN"],
    ["-d 10.0.0.0/8 -j RETURN", "-d 10.0.0.0/255.0.255.0 -j RETURN"],
    ["-j RETURN", "! -d 0.0.0.0/0 -j RETURN"],
    ["-j RETURN", "! -i + -j RETURN"],
    ["-i br+ -j RETURN", "-i br -j RETURN"],
    ["-i lo -j RETURN", "-o lo -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -m mark --mark 0x1 -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -m addrtype --dst-type LOCAL -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -m limit --limit 5/min -j RETURN"],
    ["-p tcp -j RETURN", "-p tcp -f -j RETURN"],
    ["-p tcp -j REDIRECT --to-ports 15001", "-p tcp -j REDIRECT --to-ports 15001 --random"],
    ["-p tcp -j REDIRECT --to-ports 15001", "-p tcp -j REDIRECT --to-ports 15001-15002"],
    ["-p tcp -j REDIRECT --to-ports 15001", "-p tcp -j DNAT --to-ports 15001"],
    ["-j LOG --log-prefix A --log-level 7", "-j LOG --log-prefix A"],
    ["-j LOG --log-prefix A", "-j LOG --log-prefix A --log-uid"],
    ['-j LOG --log-prefix "A --log-level 7"', "-j LOG --log-prefix A --log-level 7"],
    ["-j CT --zone 1", "-j CT --zone-orig 1"],
    ["-j CT --zone 1", "-j CT --notrack --zone 1"],
    ["-j RETURN", '-m string --string "-j RETURN" --algo bm'],
    // What a match with a memory counts depends on what was asked before.
    [
      "-p tcp -m limit --limit 5/min -m owner --uid-owner 5 -j X",
      "-p tcp -m owner --uid-owner 5 -m limit --limit 5/min -j X",
    ],
  ])("%s | %s", (one, other) => expect(canonicalRule(one)).not.toBe(canonicalRule(other)));
});

test("rules of all cases have as many forms as texts, whatever their style", () => {
  const sets = RULE_CASES.flatMap(({ wanted, context }) =>
    ([4, 6] as const).map((family) => makeRules(samplePlan(wanted), family, context)),
  );
  const rules = sets.flatMap(({ tables }) => tables.flatMap((table) => table.rules));
  const texts = new Map(rules.map((rule) => [renderSpec(rule, { comments: false, verbose: false }), rule]));
  const forms = [...texts].map(([text, rule]) => {
    const verbose = renderSpec(rule, { comments: true, verbose: true });
    expect(canonicalRule(verbose), verbose).toBe(canonicalRule(text));
    return canonicalRule(text);
  });
  // The ones that are written differently and mean the same:
  const same = ["-s 0.0.0.0/0 -j RETURN", "-d ::/0 -j RETURN"];
  expect(same.map(canonicalRule)).toEqual(["-j RETURN", "-j RETURN"]);
  expect(new Set(forms).size).toBe(texts.size - 1);
});

test.each([
  [`-p tcp ${COMMENT} -j RETURN`, 'kuma/mesh/transparent/proxy/it is "ours"', "RETURN"],
  ["-m comment --comment word -g MINE", "word", "MINE"],
  ["-m comment --comment -j -j RETURN", "-j", "RETURN"],
  ['-m comment --comment "-j KUMA_MESH_INBOUND" -j ACCEPT', "-j KUMA_MESH_INBOUND", "ACCEPT"],
  ['-m comment --comment ""', "", undefined],
  ["-p tcp", undefined, undefined],
  ["", undefined, undefined],
  ["-m string --comment x -j LOG --log-prefix -j", undefined, "LOG"],
  ["-m comment --comment one -m comment --comment two --jump X", "one", "X"],
])("%s has the comment %j and leads to %j", (spec, comment, jump) => {
  expect(commentOf(spec)).toBe(comment);
  expect(jumpOf(spec)).toBe(jump);
});

test("a form is a line that people can read", () => {
  expect(canonicalRule("-m owner ! --uid-owner 1 -p tcp --dport 53 -d 1.2.3.4 -j RETURN")).toBe(
    "-d 1.2.3.4/32 -p tcp --dport 53 -m owner ! --uid-owner 1 -j RETURN",
  );
  expect(canonicalRule('-j LOG --log-prefix "a b"')).toBe('-j LOG --log-prefix "a b"');
});
