import { describe, expect, test } from "vitest";
import { withoutRules, withRules } from "../../../../../src/engine/iptables/firewalld/change-stored.ts";
import { parseDirect } from "../../../../../src/engine/iptables/firewalld/direct-xml.ts";
import { findStored } from "../../../../../src/engine/iptables/firewalld/stored-rules.ts";
import { makeRules } from "../../../../../src/engine/iptables/make-rules.ts";
import { ruleKey } from "../../../../../src/engine/iptables/ownership.ts";
import { renderSpec } from "../../../../../src/engine/iptables/render.ts";
import type { RuleSet } from "../../../../../src/engine/iptables/rule.ts";
import { samplePlan } from "../../../../support/plan-samples.ts";

const CONTEXT = { splitZones: true, dockerOutput: false, insertInbound: true, insertOutbound: true };

function setsOf(wanted: Parameters<typeof samplePlan>[0]): RuleSet[] {
  return ([4, 6] as const).map((family) => makeRules(samplePlan(wanted), family, CONTEXT));
}

function parse(text: string | undefined) {
  const document = text === undefined ? undefined : parseDirect(text);
  if (document === undefined) throw new Error(`it cannot be read: ${text}`);
  return document;
}

/** In the order of their chains: what is inserted comes first. */
function keysOf({ tables }: RuleSet): string[] {
  return tables.flatMap(({ table, rules }) => {
    const inserted = rules.filter(({ insertAt }) => insertAt !== undefined);
    const appended = rules.filter(({ insertAt }) => insertAt === undefined);
    return [...inserted, ...appended].map((rule) =>
      ruleKey(table, rule.chain, renderSpec(rule, { comments: false, verbose: false })),
    );
  });
}

const WANTED = {
  inbound: { exclude: [22], addresses: ["10.0.0.0/8", "fd00::/8"] },
  outbound: { addresses: ["10.1.0.0/16", "fd01::/16"] },
  users: ["tcp:53,3000-5000:106-108"],
  dns: "servers",
  servers: ["10.0.0.53", "fd00::53"],
  networks: ["br+:172.17.0.0/16", "br+:fd17::/64"],
  dropInvalid: true,
} as const;
const THEIRS = `<?xml version="1.0" encoding="utf-8"?>
<direct>
   <!-- of the administrator -->
  <chain ipv="ipv4" table="nat" chain="THEIRS"></chain>
  <rule priority="0" table="nat" ipv="ipv4" chain="OUTPUT">-p tcp   -j THEIRS</rule>

  <passthrough ipv="ipv4">-t nat -A OUTPUT -p udp --dport 53 -j ACCEPT</passthrough>
</direct>`;

describe.each([{ comments: true }, { comments: false }])("rules with %j", (style) => {
  test("are all there, each for its family, and once", () => {
    const sets = setsOf(WANTED);
    const { keys } = findStored(parse(withRules(undefined, sets, style, [])), []);
    expect(sets.map(({ family }) => keys[family])).toEqual(sets.map(keysOf));
    expect(keys[4].length).toBeGreaterThan(10);
    expect(keys[6].join()).not.toContain("127.0.0.1");
  });

  test("go without a trace, and what is others' is never touched", () => {
    const first = withRules(parse(THEIRS), setsOf(WANTED), style, []);
    const second = withRules(parse(first), setsOf({ outbound: { exclude: [80] } }), style, []);
    expect(withRules(parse(second), setsOf(WANTED), style, [])).toBe(first);
    expect(withoutRules(parse(second), [])).toBe(THEIRS);
    expect(withoutRules(parse(withRules(undefined, setsOf(WANTED), style, [])), [])).toBeUndefined();
  });

  test("are known where firewalld has written the file anew, without comments of XML", () => {
    const sets = setsOf(WANTED);
    const text = withRules(parse(THEIRS), sets, style, [])
      .replaceAll(/<!--.*?-->/g, "")
      .replaceAll('"kuma/', "'kuma/");
    const rewritten = text.replaceAll(/('kuma[^"]*)"/g, "$1'");
    const recorded = sets.map((set) => ({ family: set.family, mode: "nft" as const, rules: keysOf(set) }));
    const { keys } = findStored(parse(rewritten), style.comments ? [] : recorded);
    expect(sets.map(({ family }) => keys[family])).toEqual(sets.map(keysOf));
    expect(parse(withoutRules(parse(rewritten), style.comments ? [] : recorded)).entries).toHaveLength(3);
  });
});

test("those of kumactl are known by its chains", () => {
  const kumactl = `<direct>
    <chain ipv="ipv4" table="nat" chain="KUMA_MESH_OUTBOUND"/>
    <rule ipv="ipv4" table="nat" chain="OUTPUT" priority="0">-p tcp -j KUMA_MESH_OUTBOUND</rule>
    <rule ipv="ipv4" table="nat" chain="OUTPUT" priority="1">-p udp --dport 53 -m owner --uid-owner 5678 -j RETURN</rule>
    <rule ipv="ipv4" table="nat" chain="KUMA_MESH_OUTBOUND" priority="0">-m owner --uid-owner 5678 -j RETURN</rule>
    <rule ipv="ipv4" table="nat" chain="OUTPUT" priority="2">-p tcp --dport 99 -j ACCEPT</rule>
  </direct>`;
  const document = parse(kumactl);
  expect(findStored(document, []).entries).toEqual(document.entries.slice(0, 4));
  expect(parse(withoutRules(document, [])).entries.map(({ content }) => content)).toEqual([
    "-p tcp --dport 99 -j ACCEPT",
  ]);
});
