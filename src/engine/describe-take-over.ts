// SPDX-License-Identifier: Apache-2.0
import type { Plan } from "../plan/plan.ts";
import type { EngineName } from "./engine.ts";
import { hasNetworks } from "./iptables/beside-programs.ts";
import { type Engines, readEbpf } from "./take-over.ts";

/**
 * What an installation with one engine would remove of the other's, one sentence each. Needs root.
 *
 * @throws TproxyError as the installation would: where the other's cannot be read
 */
export async function describeTakeOver(
  name: EngineName,
  { iptables }: Engines,
  plan: Plan,
): Promise<string[]> {
  if (name === "iptables")
    return readEbpf(plan.netns).map(({ pins }) => `the eBPF installation in ${pins} would be removed`);
  const found = await iptables.find(plan.netns);
  if (found?.redirects) return ["the rules of iptables that are there would be removed"];
  return found?.besidePrograms && !hasNetworks(plan)
    ? ["the rules for virtual networks that are there would be removed"]
    : [];
}
