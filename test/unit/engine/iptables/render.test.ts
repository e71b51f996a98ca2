import { describe, expect, test } from "vitest";
import { TproxyError } from "../../../../src/core/errors.ts";
import { makeRules } from "../../../../src/engine/iptables/make-rules.ts";
import { renderDryRun, renderRule, renderRules, renderSpec } from "../../../../src/engine/iptables/render.ts";
import type { Match, Rule } from "../../../../src/engine/iptables/rule.ts";
import { prefix, samplePlan } from "../../../support/plan-samples.ts";

const SHORT = { comments: false, verbose: false };
const LONG = { comments: false, verbose: true };
const COMMENTED = { comments: true, verbose: false };

const CONTEXT = { splitZones: false, dockerOutput: false, insertInbound: false, insertOutbound: false };

const RETURN = { action: "return" } as const;

function rule(matches: readonly Match[], more: Partial<Rule> = {}): Rule {
  return { chain: "OUTPUT", matches, action: RETURN, comment: "why", ...more };
}

const DISABLED = makeRules(
  samplePlan({ inbound: { redirect: false }, outbound: { redirect: false }, dropInvalid: true }),
  4,
  CONTEXT,
);

describe("the text for iptables-restore", () => {
  test("is laid out as kumactl's", () => {
    expect(renderRules(DISABLED, SHORT)).toBe(`* nat
-N KUMA_MESH_INBOUND
-N KUMA_MESH_OUTBOUND
-N KUMA_MESH_INBOUND_REDIRECT
-N KUMA_MESH_OUTBOUND_REDIRECT
-A PREROUTING -p tcp -j KUMA_MESH_INBOUND
-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
-A KUMA_MESH_INBOUND -p tcp -j RETURN
-A KUMA_MESH_OUTBOUND -p tcp -j RETURN
-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001
COMMIT
* mangle
-A PREROUTING -m conntrack --ctstate INVALID -j DROP
COMMIT
`);
  });

  test("has long names, headings and blank lines with --verbose", () => {
    expect(renderRules(DISABLED, LONG)).toBe(`* nat

# Custom Chains:
--new-chain KUMA_MESH_INBOUND
--new-chain KUMA_MESH_OUTBOUND
--new-chain KUMA_MESH_INBOUND_REDIRECT
--new-chain KUMA_MESH_OUTBOUND_REDIRECT

# Rules:
--append PREROUTING --protocol tcp --jump KUMA_MESH_INBOUND
--append OUTPUT --protocol tcp --jump KUMA_MESH_OUTBOUND
--append KUMA_MESH_INBOUND --protocol tcp --jump RETURN
--append KUMA_MESH_OUTBOUND --protocol tcp --jump RETURN
--append KUMA_MESH_INBOUND_REDIRECT --protocol tcp --jump REDIRECT --to-ports 15006
--append KUMA_MESH_OUTBOUND_REDIRECT --protocol tcp --jump REDIRECT --to-ports 15001

COMMIT

* mangle

# Rules:
--append PREROUTING --match conntrack --ctstate INVALID --jump DROP

COMMIT
`);
  });

  test("is empty without rules", () => expect(renderRules({ family: 4, tables: [] }, SHORT)).toBe(""));
});

test("a dry run shows each family under its heading", () => {
  const mangle = { table: "mangle", chains: [], rules: [rule([])] } as const;
  const sets = [
    { family: 4, tables: [mangle] },
    { family: 6, tables: [mangle] },
  ] as const;
  const text = "* mangle\n-A OUTPUT -j RETURN\nCOMMIT";
  expect(renderDryRun(sets.slice(0, 1), SHORT)).toBe(`### IPv4 ###\n\n${text}\n`);
  expect(renderDryRun(sets, SHORT)).toBe(`### IPv4 ###\n\n${text}\n\n### IPv6 ###\n\n${text}\n`);
});

describe("comments", () => {
  test("come first", () => {
    const line = renderRule(rule([{ match: "protocol", protocol: "tcp" }], { insertAt: 3 }), COMMENTED);
    expect(line).toBe('-I OUTPUT 3 -m comment --comment "kuma/mesh/transparent/proxy/why" -p tcp -j RETURN');
  });

  test("are cut where kumactl cuts them", () => {
    const [, text] = /"(.*)"/.exec(renderRule(rule([], { comment: "x".repeat(400) }), COMMENTED)) ?? [];
    expect(text).toHaveLength(254);
  });
});

const ALL_MATCHES: readonly (readonly [Match, string, string])[] = [
  [{ match: "protocol", protocol: "udp" }, "-p udp", "--protocol udp"],
  [{ match: "source", prefix: prefix("fd00::/8") }, "-s fd00::/8", "--source fd00::/8"],
  [
    { match: "destination", prefix: prefix("10.0.0.1"), not: true },
    "! -d 10.0.0.1/32",
    "! --destination 10.0.0.1/32",
  ],
  [{ match: "in-interface", name: "br+" }, "-i br+", "--in-interface br+"],
  [{ match: "out-interface", name: "lo" }, "-o lo", "--out-interface lo"],
  [{ match: "source-port", port: 1 }, "--sport 1", "--source-port 1"],
  [{ match: "destination-port", port: 65535 }, "--dport 65535", "--destination-port 65535"],
  [
    {
      match: "destination-ports",
      ports: [
        { first: 7, last: 7 },
        { first: 1, last: 3 },
      ],
    },
    "-m multiport --dports 7,1:3",
    "--match multiport --destination-ports 7,1:3",
  ],
  [
    { match: "uid", uids: { first: 0, last: 4294967294 } },
    "-m owner --uid-owner 0:4294967294",
    "--match owner --uid-owner 0:4294967294",
  ],
  [
    { match: "uid", uids: { first: 5, last: 5 }, not: true },
    "-m owner ! --uid-owner 5",
    "--match owner ! --uid-owner 5",
  ],
  [{ match: "conntrack-invalid" }, "-m conntrack --ctstate INVALID", "--match conntrack --ctstate INVALID"],
];

test.each(ALL_MATCHES)("%j is written %s", (match, short, long) => {
  expect(renderSpec(rule([match]), SHORT)).toBe(`${short} -j RETURN`);
  expect(renderSpec(rule([match]), LONG)).toBe(`${long} --jump RETURN`);
});

test.each([
  [{ action: "drop" }, "-j DROP"],
  [{ action: "jump", chain: "DOCKER_OUTPUT" }, "-j DOCKER_OUTPUT"],
  [{ action: "redirect", port: 9 }, "-j REDIRECT --to-ports 9"],
  [{ action: "log", prefix: "OUTPUT:", level: 0 }, "-j LOG --log-prefix OUTPUT: --log-level 0"],
  [{ action: "conntrack-zone", zone: 2 }, "-j CT --zone 2"],
] as const)("%j is written %s", (action, text) => {
  expect(renderSpec(rule([], { action }), SHORT)).toBe(text);
});

const interfaceNamed = (name: string) => rule([{ match: "in-interface", name }]);
const portOf = (port: number) => rule([{ match: "destination-port", port }]);

/** Nothing that comes from outside may become a second argument, line or rule, even if nobody checked it before. */
describe("what cannot be one argument is refused", () => {
  test.each([
    ["a space in an interface", interfaceNamed("eth0 -j")],
    ["a line feed in an interface", interfaceNamed("eth0\n-F")],
    ["a tab in an interface", interfaceNamed("a\tb")],
    ["a quote in an interface", interfaceNamed('a"b')],
    ["a backslash in an interface", interfaceNamed("a\\b")],
    ["an option for an interface", interfaceNamed("-j")],
    ["a negation for an interface", interfaceNamed("!")],
    ["an empty interface", interfaceNamed("")],
    ["a long interface", interfaceNamed("sixteen-letters-")],
    ["a control character in an interface", interfaceNamed("a\u0000b")],
    ["port 0", portOf(0)],
    ["port 65536", portOf(65536)],
    ["half a port", portOf(80.5)],
    ["no port", portOf(Number.NaN)],
    ["a user below 0", rule([{ match: "uid", uids: { first: -1, last: 5 } }])],
    ["the user that is none", rule([{ match: "uid", uids: { first: 0, last: 4294967295 } }])],
    [
      "a prefix that is too long",
      rule([{ match: "source", prefix: { ...prefix("10.0.0.0/8"), length: 33 } }]),
    ],
    ["a quote in a comment", rule([], { comment: 'a" -j DROP "' })],
    ["a line feed in a comment", rule([], { comment: "a\nCOMMIT" })],
    ["a backslash at the end of a comment", rule([], { comment: "a\\" })],
    ["a space in a log prefix", rule([], { action: { action: "log", prefix: "a b", level: 7 } })],
    ["a log level above 7", rule([], { action: { action: "log", prefix: "a", level: 8 } })],
    ["a zone above 65535", rule([], { action: { action: "conntrack-zone", zone: 65536 } })],
    ["place 0", rule([], { insertAt: 0 })],
  ])("%s", (_, bad) => {
    expect(() => renderRule(bad, COMMENTED)).toThrowError(TproxyError);
    expect(() => renderRule(bad, COMMENTED)).toThrowError(/of an iptables rule$/);
  });

  test.each(["eth0", "br+", "veth@1", "wlan0.5", "bond0:1", "ÿ0", "a;b$(c)", "eth!"])(
    "not the name %s",
    (name) => {
      expect(renderSpec(interfaceNamed(name), SHORT)).toBe(`-i ${name} -j RETURN`);
    },
  );
});
