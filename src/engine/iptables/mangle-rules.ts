// SPDX-License-Identifier: Apache-2.0
import type { Draft } from "./draft.ts";
import type { FamilyPlan } from "./family-plan.ts";

export function makeMangleRules({ plan }: FamilyPlan): Draft[] {
  if (!plan.dropInvalid) return [];
  return [
    {
      chain: "PREROUTING",
      matches: [{ match: "conntrack-invalid" }],
      action: { action: "drop" },
      comment: "drop packets that belong to no connection",
    },
  ];
}
