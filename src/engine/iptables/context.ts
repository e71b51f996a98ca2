// SPDX-License-Identifier: Apache-2.0
import type { Plan } from "../../plan/plan.ts";
import type { Modules } from "./modules.ts";
import type { IptablesConfig } from "./prepare.ts";
import type { RuleContext, Style } from "./rule.ts";
import type { Snapshot } from "./saved.ts";

const DOCKER_OUTPUT = "DOCKER_OUTPUT";

/** What a host's rules and modules mean for ours. `snapshot` undefined: they could not be looked at. */
export function contextOf(
  plan: Plan,
  config: IptablesConfig,
  modules: Pick<Modules, "zones">,
  snapshot: Snapshot | undefined,
): RuleContext {
  const { redirect } = config;
  const dockerOutput = hasDockerOutput(snapshot);
  return {
    splitZones:
      modules.zones &&
      wantsZones(plan, config) &&
      // Docker's own DNS is a redirection, too, and does not survive other zones on everything.
      !(dockerOutput && plan.dns.redirect === "all"),
    dockerOutput,
    insertInbound: redirect.inbound.insertRedirectInsteadOfAppend,
    insertOutbound: redirect.outbound.insertRedirectInsteadOfAppend,
  };
}

/** Whether DNS traffic is to be split into zones of connection tracking, if this host can. */
export function wantsZones(plan: Plan, { redirect }: Pick<IptablesConfig, "redirect">): boolean {
  return plan.dns.redirect !== "none" && !redirect.dns.skipConntrackZoneSplit;
}

/** In a Docker network, where the queries of all containers pass Docker's own rules, zones would part them. */
export function noteDocker(plan: Plan, { redirect }: IptablesConfig, snapshot: Snapshot): string[] {
  if (!hasDockerOutput(snapshot) || plan.dns.redirect !== "all" || redirect.dns.skipConntrackZoneSplit)
    return [];
  return [
    "DNS traffic is not split into conntrack zones: this is a Docker network, and all of it is redirected",
  ];
}

export function styleOf({ comments, verbose }: IptablesConfig, modules: Pick<Modules, "comments">): Style {
  return { comments: modules.comments && !comments.disabled, verbose };
}

function hasDockerOutput(snapshot: Snapshot | undefined): boolean {
  const nat = snapshot?.tables.find(({ name }) => name === "nat");
  return nat?.chains.some(({ name }) => name === DOCKER_OUTPUT) === true;
}
