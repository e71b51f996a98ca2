// SPDX-License-Identifier: Apache-2.0
import { canonicalRule } from "./canonical.ts";
import { OUR_CHAINS } from "./rule.ts";
import type { SavedRule, Snapshot } from "./saved.ts";

/** Tells whether a rule of a table is one that kumactl would have written. */
export type LooksLikeKumactls = (table: string, rule: SavedRule) => boolean;

/**
 * What kumactl writes into the chains of others without a comment: 1.x to 2.8 (both of its engines), and 2.9 to 2.14 with
 * --disable-comments. Its chains, which must be there, say which user and which port it was about: a rule about others is
 * somebody else's.
 *
 * Not among them, and so left where they are, is what others write in the same words:
 * - `-d ADDRESS -j RETURN` in nat OUTPUT (--exclude-outbound-ips),
 * - `-m conntrack --ctstate INVALID -j DROP` in mangle PREROUTING (--drop-invalid-packets),
 * - a jump of DNS queries to a chain other than DOCKER_OUTPUT where no rule tells the user (outbound disabled in a
 *   configuration file, and --redirect-dns-upstream-target-chain).
 */
export function kumactlShapes(snapshot: Snapshot): LooksLikeKumactls {
  const shapes = makeShapes(findUser(snapshot), findOutboundPort(snapshot));
  return (table, { chain, spec }) => {
    const form = canonicalRule(spec);
    return (shapes[`${table} ${chain}`] ?? []).some((shape) => shape.test(form));
  };
}

const NUMBER = "[0-9]+";
const NUMBERS = "[0-9]+(-[0-9]+)?";
const ADDRESS = "[0-9a-f.:]+/[0-9]+";
const UDP_DNS = "-p udp --dport 53";
const TO_PORT = `-j REDIRECT --to-ports ${NUMBER}`;

/** On the normal form of canonical.ts: what every rule may have in the order of its names, then what modules ask. */
function makeShapes(
  user: string | undefined,
  outboundPort: string | undefined,
): Readonly<Record<string, readonly RegExp[]>> {
  // The engine before 2.2 has a rule for the group beside each for the user.
  const proxy = `-m owner --(uid|gid)-owner ${user ?? NUMBER}`;
  const upstream = user === undefined ? "(RETURN|DOCKER_OUTPUT)" : "[A-Za-z0-9_-]+";
  return {
    "nat OUTPUT": [
      whole(`${UDP_DNS} ${proxy} -j ${upstream}`),
      whole(`(-d ${ADDRESS} )?${UDP_DNS} ${TO_PORT}`),
      whole(`-p tcp --dport 53 -m owner ! --uid-owner ${user ?? NUMBER} -j RETURN`),
      whole(`-p (tcp|udp) -m multiport --dports [0-9:,]+ -m owner --uid-owner ${NUMBERS} -j RETURN`),
      // The same until 2.6, when there was one port, or one range of them.
      whole(`-p (tcp|udp) --dport [0-9:]+ -m owner --uid-owner ${NUMBERS} -j RETURN`),
      whole("-j LOG( --log-level [0-7])? --log-prefix OUTPUT:"),
    ],
    "nat PREROUTING": [
      whole(`-i \\S+ ${UDP_DNS} ${TO_PORT}`),
      ...(outboundPort === undefined
        ? []
        : [whole(`! -d ${ADDRESS} -i \\S+ -p tcp -j REDIRECT --to-ports ${outboundPort}`)]),
      whole("-j LOG( --log-level [0-7])? --log-prefix PREROUTING:"),
    ],
    "raw OUTPUT": [
      whole(`${UDP_DNS} ${proxy} -j CT --zone 1`),
      whole(`-p udp --sport ${NUMBER} ${proxy} -j CT --zone 2`),
      whole(`(-d ${ADDRESS} )?${UDP_DNS} -j CT --zone 2`),
      whole(`-d (127\\.0\\.0\\.1/32|::1/128) -p udp -s ${ADDRESS} -j CT --zone 1`),
    ],
    "raw PREROUTING": [
      whole(`-p udp( -s ${ADDRESS})? --sport 53 -j CT --zone 1`),
      // Until 2.8 it took the name server for the destination of the answer.
      whole(`-d ${ADDRESS} -p udp --sport 53 -j CT --zone 1`),
    ],
  };
}

/** The proxy's, which its chain for what goes out leaves alone. */
function findUser(snapshot: Snapshot): string | undefined {
  return findInChain(
    snapshot,
    [OUR_CHAINS.outbound, "MESH_OUTPUT"],
    /^-m owner --uid-owner ([0-9]+) -j RETURN$/,
  );
}

function findOutboundPort(snapshot: Snapshot): string | undefined {
  return findInChain(snapshot, [OUR_CHAINS.outboundRedirect], /^-p tcp -j REDIRECT --to-ports ([0-9]+)$/);
}

function findInChain({ tables }: Snapshot, chains: readonly string[], shape: RegExp): string | undefined {
  const rules = tables.filter(({ name }) => name === "nat").flatMap((table) => table.rules);
  return rules
    .filter(({ chain }) => chains.includes(chain))
    .map(({ spec }) => shape.exec(canonicalRule(spec))?.[1])
    .find((value) => value !== undefined);
}

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}
