// One configuration and the rules that kumactl's contract wants for it, chain by chain, without comments.

import type { Family } from "../../../src/core/address.ts";
import type { RuleContext } from "../../../src/engine/iptables/rule.ts";
import type { Wanted } from "../plan-samples.ts";

export interface RuleCase {
  readonly name: string;
  readonly wanted: Wanted;
  readonly context: RuleContext;
  readonly expected: Expected;
}

/** Lines of a chain: the same for both families (LOCALHOST, PASSTHROUGH and UID stand for what they say), or for each. */
export type Lines = readonly string[] | { readonly 4: readonly string[]; readonly 6: readonly string[] };

export interface Expected {
  readonly rawPrerouting?: Lines;
  readonly rawOutput?: Lines;
  readonly prerouting?: Lines;
  readonly output?: Lines;
  readonly inbound?: Lines;
  readonly outbound?: Lines;
  readonly redirectPorts?: { readonly inbound: number; readonly outbound: number };
  readonly mangle?: Lines;
}

const NO_CONTEXT: RuleContext = {
  splitZones: false,
  dockerOutput: false,
  insertInbound: false,
  insertOutbound: false,
};

export function ruleCase(
  name: string,
  wanted: Wanted,
  expected: Expected,
  context: Partial<RuleContext> = {},
): RuleCase {
  return { name, wanted, expected, context: { ...NO_CONTEXT, ...context } };
}

/** Of the reference, section 3.2. */
export const DEFAULT = {
  prerouting: ["-A PREROUTING -p tcp -j KUMA_MESH_INBOUND"],
  output: ["-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND"],
  inbound: ["-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT"],
  local: [
    "-A KUMA_MESH_OUTBOUND -s PASSTHROUGH -o lo -j RETURN",
    "-A KUMA_MESH_OUTBOUND -p tcp -o lo ! -d LOCALHOST -m owner --uid-owner UID -j KUMA_MESH_INBOUND_REDIRECT",
    "-A KUMA_MESH_OUTBOUND -p tcp -o lo -m owner ! --uid-owner UID -j RETURN",
    "-A KUMA_MESH_OUTBOUND -m owner --uid-owner UID -j RETURN",
    "-A KUMA_MESH_OUTBOUND -d LOCALHOST -j RETURN",
  ],
  remote: ["-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT"],
} as const;

const ADDRESSES = {
  4: { LOCALHOST: "127.0.0.1/32", PASSTHROUGH: "127.0.0.6/32" },
  6: { LOCALHOST: "::1/128", PASSTHROUGH: "::6/128" },
} as const;

/** All lines by table, in the order in which they are written. Tables without rules are not there. */
export function expectedLines({ expected, wanted }: RuleCase, family: Family): Map<string, string[]> {
  const lines = (of: Lines | undefined, otherwise: readonly string[] = []) => {
    const chosen = of === undefined ? otherwise : isOfBoth(of) ? of : of[family];
    return chosen.map((line) => fillIn(line, family, wanted.uid ?? 5678));
  };
  const ports = expected.redirectPorts ?? { inbound: 15006, outbound: 15001 };
  const tables: [string, string[]][] = [
    ["raw", [...lines(expected.rawPrerouting), ...lines(expected.rawOutput)]],
    [
      "nat",
      [
        ...lines(expected.prerouting, DEFAULT.prerouting),
        ...lines(expected.output, DEFAULT.output),
        ...lines(expected.inbound, DEFAULT.inbound),
        ...lines(expected.outbound, [...DEFAULT.local, ...DEFAULT.remote]),
        `-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports ${ports.inbound}`,
        `-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports ${ports.outbound}`,
      ],
    ],
    ["mangle", lines(expected.mangle)],
  ];
  return new Map(tables.filter(([, rules]) => rules.length > 0));
}

function isOfBoth(lines: Lines): lines is readonly string[] {
  return Array.isArray(lines);
}

function fillIn(line: string, family: Family, uid: number): string {
  const { LOCALHOST, PASSTHROUGH } = ADDRESSES[family];
  return line
    .replaceAll("LOCALHOST", LOCALHOST)
    .replaceAll("PASSTHROUGH", PASSTHROUGH)
    .replaceAll("UID", String(uid));
}
