// SPDX-License-Identifier: Apache-2.0
import { type Draft, from, TCP, to, toPort } from "./draft.ts";
import type { FamilyPlan } from "./family-plan.ts";
import { type Action, OUR_CHAINS } from "./rule.ts";

const REDIRECT: Action = { action: "jump", chain: OUR_CHAINS.inboundRedirect };

/** Our chain for connections from elsewhere: which of them are redirected. */
export function makeInboundRules(familyPlan: FamilyPlan): Draft[] {
  const { inbound } = familyPlan.plan;
  if (!inbound.redirect) return [leaveAlone([TCP], "inbound connections are not redirected")];
  return [
    ...familyPlan.excluded.inbound.map((prefix) => leaveAlone([from(prefix)], "excluded source")),
    ...(inbound.includedPorts.length > 0 ? redirectIncluded(familyPlan) : redirectRest(familyPlan)),
  ];
}

function redirectIncluded({ plan, instance }: FamilyPlan): Draft[] {
  return plan.inbound.includedPorts.flatMap((port) =>
    instance.map((address) =>
      inboundRule([...destination(address), TCP, toPort(port)], REDIRECT, `included port ${port}`),
    ),
  );
}

function redirectRest({ plan, instance }: FamilyPlan): Draft[] {
  return [
    ...plan.inbound.excludedPorts.map((port) => leaveAlone([TCP, toPort(port)], `excluded port ${port}`)),
    ...instance.map((address) =>
      inboundRule([...destination(address), TCP], REDIRECT, "all other inbound connections"),
    ),
  ];
}

function destination(address: FamilyPlan["instance"][number]): Draft["matches"] {
  return address === undefined ? [] : [to(address)];
}

function leaveAlone(matches: Draft["matches"], comment: string): Draft {
  return inboundRule(matches, { action: "return" }, comment);
}

function inboundRule(matches: Draft["matches"], action: Action, comment: string): Draft {
  return { chain: OUR_CHAINS.inbound, matches, action, comment };
}
