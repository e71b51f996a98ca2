// SPDX-License-Identifier: Apache-2.0
import { makeDnsRules, makeTcpDnsRules } from "./dns-rules.ts";
import { type Draft, TCP } from "./draft.ts";
import { makeExclusionRules } from "./exclusion-rules.ts";
import type { FamilyPlan } from "./family-plan.ts";
import { makeInboundRules } from "./inbound-rules.ts";
import { makeOutboundRules } from "./outbound-rules.ts";
import { makePreroutingRules } from "./prerouting-rules.ts";
import { OUR_CHAINS, type OurChain, type RuleContext } from "./rule.ts";

/** What is redirected: the chains that the kernel begins with, then our own. */
export function makeNatRules(familyPlan: FamilyPlan, context: RuleContext): Draft[] {
  const { inbound, outbound } = familyPlan.plan;
  return [
    ...makePreroutingRules(familyPlan, context),
    ...makeOutputRules(familyPlan, context),
    ...makeInboundRules(familyPlan),
    ...makeOutboundRules(familyPlan),
    // Also where a direction is left alone, as with kumactl: nothing jumps there then.
    redirectTo(OUR_CHAINS.inboundRedirect, inbound.port, "to the inbound port of the proxy"),
    redirectTo(OUR_CHAINS.outboundRedirect, outbound.port, "to the outbound port of the proxy"),
  ];
}

function makeOutputRules(familyPlan: FamilyPlan, context: RuleContext): Draft[] {
  return [
    ...makeLogRules(familyPlan),
    ...makeExclusionRules(familyPlan),
    ...makeDnsRules(familyPlan, context),
    ...makeTcpDnsRules(familyPlan, context),
    {
      chain: "OUTPUT",
      insert: context.insertOutbound,
      matches: [TCP],
      action: { action: "jump", chain: OUR_CHAINS.outbound },
      comment: "outbound connections",
    },
  ];
}

function makeLogRules({ plan }: FamilyPlan): Draft[] {
  if (plan.logLevel === undefined) return [];
  return [
    {
      chain: "OUTPUT",
      insert: true,
      matches: [],
      action: { action: "log", prefix: "OUTPUT:", level: plan.logLevel },
      comment: "log what is sent",
    },
  ];
}

function redirectTo(chain: OurChain, port: number, comment: string): Draft {
  return { chain, matches: [TCP], action: { action: "redirect", port }, comment };
}
