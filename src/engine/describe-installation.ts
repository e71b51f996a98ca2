// SPDX-License-Identifier: Apache-2.0
import type { Plan } from "../plan/plan.ts";
import type { Description, EngineName } from "./engine.ts";
import { hasNetworks } from "./iptables/beside-programs.ts";
import type { Engines } from "./take-over.ts";

/** What an installation with one engine would do. Changes nothing. */
export async function describeInstallation(
  name: EngineName,
  engines: Engines,
  plan: Plan,
): Promise<Description> {
  const own = await engines[name].describe(plan);
  if (name !== "ebpf" || !hasNetworks(plan)) return own;
  const rules = await engines.iptables.describeNetworks(plan);
  return {
    text: [
      ...own.text,
      "",
      "# for the virtual networks, rules of iptables beside the programs:",
      "",
      ...rules.text,
    ],
    notes: [...own.notes, ...rules.notes],
  };
}
