// Random DNS queries, and what must become of them.

import { formatAddress, unmapAddress } from "../../../src/core/address.ts";
import { decide } from "../../../src/plan/decide.ts";
import { resolveUnspecified } from "../../../src/plan/decide-places.ts";
import type { Decision } from "../../../src/plan/decide-result.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { address } from "../../support/plan-samples.ts";
import { CLIENTS } from "./connections.ts";
import { LOCAL_SERVERS, OTHER, OWN, QUERY_PORTS, REMOTE } from "./places.ts";
import type { Random } from "./random.ts";

export const ASKERS = ["app", "another", "proxy"] as const;
export type AskerName = (typeof ASKERS)[number];

export interface Query {
  readonly client: AskerName;
  readonly to: string;
  readonly port: number;
}

/** What `udp-client` says. */
export interface Answer {
  readonly server?: string;
  readonly source?: string;
  readonly error?: string;
}

export function randomQuery(random: Random): Query {
  const client = random.pick(ASKERS);
  const to = random.pick([...REMOTE, ...REMOTE, ...OTHER, ...OTHER, ...OWN, ...LOCAL_SERVERS]);
  const mapped = !to.includes(":") && random.chance(25);
  return {
    client,
    to: mapped ? `::ffff:${to}` : to,
    port: random.chance(90) ? 53 : random.pick(QUERY_PORTS),
  };
}

/** Whoever is asked seems to answer, redirected or not. */
export function expectedAnswer(plan: Plan, query: Query): { decision: Decision; answer: Answer } {
  const { client, to, port } = query;
  const decision = decide(plan, { kind: "dns", uid: CLIENTS[client].uid, to: address(to), port });
  const asked = formatAddress(resolveUnspecified(unmapAddress(address(to)), undefined));
  const localhost = asked.includes(":") ? "::1" : "127.0.0.1";
  const server = decision.result === "dns" ? `${localhost}#${decision.port}` : `${asked}#${port}`;
  return { decision, answer: { server, source: `${to}#${port}` } };
}
