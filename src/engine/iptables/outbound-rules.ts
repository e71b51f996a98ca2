// SPDX-License-Identifier: Apache-2.0
import { byUser, type Draft, from, notByUser, notTo, TCP, to, toPort } from "./draft.ts";
import type { FamilyPlan } from "./family-plan.ts";
import { type Action, type Match, OUR_CHAINS } from "./rule.ts";

const TO_OUTBOUND: Action = { action: "jump", chain: OUR_CHAINS.outboundRedirect };

/** To any address of this host, not only to 127.0.0.0/8: all of that goes through the loopback interface. */
const TO_THIS_HOST: Match = { match: "out-interface", name: "lo" };

/** Our chain for connections that are opened here: which of them are redirected, and where to. */
export function makeOutboundRules(familyPlan: FamilyPlan): Draft[] {
  const { outbound } = familyPlan.plan;
  if (!outbound.redirect) return [leaveAlone([TCP], "outbound connections are not redirected")];
  return [
    ...outbound.excludedPorts.map((port) => leaveAlone([TCP, toPort(port)], `excluded port ${port}`)),
    ...makeLocalRules(familyPlan),
    ...makeRemoteRules(familyPlan),
  ];
}

function makeLocalRules({ plan, passthrough, localhost }: FamilyPlan): Draft[] {
  const { uid } = plan.proxyUser;
  const selfCall = outboundRule(
    [TCP, TO_THIS_HOST, notTo(localhost), byUser(uid)],
    { action: "jump", chain: OUR_CHAINS.inboundRedirect },
    "from the proxy to its own application",
  );
  return [
    leaveAlone([from(passthrough), TO_THIS_HOST], "requests that the proxy hands to its own application"),
    // Where inbound connections are left alone, those of the proxy to its own host are, too. kumactl has the rule all
    // the same, and sends them to a port where then nobody listens.
    ...(plan.inbound.redirect ? [selfCall] : []),
    leaveAlone([TCP, TO_THIS_HOST, notByUser(uid)], "connections within this host"),
    leaveAlone([byUser(uid)], "connections of the proxy"),
    leaveAlone([to(localhost)], "connections to localhost"),
  ];
}

function makeRemoteRules({ plan }: FamilyPlan): Draft[] {
  const { includedPorts } = plan.outbound;
  if (includedPorts.length === 0) return [outboundRule([], TO_OUTBOUND, "all other outbound connections")];
  return includedPorts.map((port) => outboundRule([TCP, toPort(port)], TO_OUTBOUND, `included port ${port}`));
}

function leaveAlone(matches: Draft["matches"], comment: string): Draft {
  return outboundRule(matches, { action: "return" }, comment);
}

function outboundRule(matches: Draft["matches"], action: Action, comment: string): Draft {
  return { chain: OUR_CHAINS.outbound, matches, action, comment };
}
