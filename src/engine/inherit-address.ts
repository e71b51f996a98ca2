// SPDX-License-Identifier: Apache-2.0
import { sameAddress } from "../core/address.ts";
import { PASSTHROUGH_ADDRESS, type Plan, type PlannedAddress } from "../plan/plan.ts";

/**
 * The plan as if it were the first: ::6 on lo is the predecessor's, and this host has it for no other reason. Where it is
 * wanted, it becomes ours, as if it were still to be added. Where it is not, it goes with the predecessor, so it is no
 * address of this host's from then on.
 *
 * @param owned whether the installation that this one replaces put ::6 there
 */
export function inheritPassthroughAddress(plan: Plan, owned: boolean): Plan {
  if (!owned) return plan;
  switch (plan.passthroughAddress) {
    case "present":
      return { ...plan, passthroughAddress: "missing" };
    case "unwanted":
      return { ...plan, addresses: plan.addresses.filter((each) => !isPassthrough(each)) };
    case "missing":
      return plan;
  }
}

function isPassthrough({ prefix }: PlannedAddress): boolean {
  return prefix.length === 128 && sameAddress(prefix.address, PASSTHROUGH_ADDRESS);
}
