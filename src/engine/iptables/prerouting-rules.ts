// SPDX-License-Identifier: Apache-2.0
import { formatPrefix, type Prefix } from "../../core/address.ts";
import { standsFor } from "../../plan/interface-pattern.ts";
import type { Plan } from "../../plan/plan.ts";
import { arrivingOn, type Draft, notTo, TCP, to, UDP_TO_DNS } from "./draft.ts";
import type { FamilyPlan, InterfaceNetworks } from "./family-plan.ts";
import { type Action, OUR_CHAINS, type RuleContext } from "./rule.ts";

const TO_INBOUND: Action = { action: "jump", chain: OUR_CHAINS.inbound };

/** nat PREROUTING: what arrives from other hosts, and from the networks behind this one. */
export function makePreroutingRules(familyPlan: FamilyPlan, { insertInbound }: RuleContext): Draft[] {
  const { plan, virtualNetworks } = familyPlan;
  return [
    ...makeLogRules(plan),
    ...makeNetworkRules(familyPlan, makeToInbound),
    {
      chain: "PREROUTING",
      // Behind the rules of the networks, which are inserted.
      insert: insertInbound || virtualNetworks.length > 0,
      matches: [...(plan.tcInterface === undefined ? [] : [arrivingOn(plan.tcInterface.name)]), TCP],
      action: TO_INBOUND,
      comment: "inbound connections",
    },
  ];
}

/** Appended, unlike that of OUTPUT: that is what kumactl does. */
function makeLogRules({ logLevel }: Plan): Draft[] {
  if (logLevel === undefined) return [];
  return [
    {
      chain: "PREROUTING",
      matches: [],
      action: { action: "log", prefix: "PREROUTING:", level: logLevel },
      comment: "log what arrives",
    },
  ];
}

/** What takes to our inbound chain what goes from an interface to one of its networks. */
type MakeToInbound = (name: string, prefix: Prefix, plan: Plan) => Draft[];

/** The rules of the virtual networks where programs of eBPF see to all else: what arrives for this host is theirs. */
export function makeRulesBesidePrograms(familyPlan: FamilyPlan): Draft[] {
  return makeNetworkRules(familyPlan, () => []);
}

function makeNetworkRules({ virtualNetworks, plan }: FamilyPlan, toInbound: MakeToInbound): Draft[] {
  return virtualNetworks.flatMap((networks) => makeInterfaceRules(networks, plan, toInbound));
}

/** DNS goes to the DNS proxy also where DNS of this host is not redirected: that is what kumactl does. */
function makeInterfaceRules(networks: InterfaceNetworks, plan: Plan, toInbound: MakeToInbound): Draft[] {
  const on = arrivingOn(networks.interface);
  return [
    inserted(
      [on, ...UDP_TO_DNS],
      { action: "redirect", port: plan.dns.port },
      `DNS queries from ${networks.interface} to the DNS proxy`,
    ),
    ...networks.others.flatMap((prefix) => [
      ...toInbound(networks.interface, prefix, plan),
      makeLeave(networks.interface, prefix),
    ]),
    ...makeRedirect(networks, plan),
  ];
}

/** "Not to everywhere" is never true, and iptables-nft refuses to write it. */
function makeRedirect(networks: InterfaceNetworks, plan: Plan): Draft[] {
  if (networks.first.length === 0) return [];
  return [
    inserted(
      [notTo(networks.first), arrivingOn(networks.interface), TCP],
      { action: "redirect", port: plan.outbound.port },
      `from ${networks.interface} to elsewhere`,
    ),
  ];
}

/**
 * A rule can say "not to" of one network alone. What goes to the other networks of the interface must not come to
 * the rule that says so of the first: it takes the way that traffic to the first one takes, which is on to our inbound
 * chain, and then leaves PREROUTING. (kumactl knows one network an interface, and forgets the others.)
 */
function makeToInbound(name: string, prefix: Prefix, { tcInterface }: Plan): Draft[] {
  const inboundOn = tcInterface === undefined ? name : tcInterface.name;
  if (!standsFor(name, inboundOn)) return [];
  const text = `from ${name} to ${formatPrefix(prefix)}`;
  return [inserted([to(prefix), arrivingOn(inboundOn), TCP], TO_INBOUND, text)];
}

function makeLeave(name: string, prefix: Prefix): Draft {
  const text = `from ${name} to ${formatPrefix(prefix)} is left alone`;
  return inserted([to(prefix), arrivingOn(name), TCP], { action: "return" }, text);
}

function inserted(matches: Draft["matches"], action: Action, comment: string): Draft {
  return { chain: "PREROUTING", insert: true, matches, action, comment };
}
