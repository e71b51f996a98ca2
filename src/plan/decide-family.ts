// SPDX-License-Identifier: Apache-2.0
import type { Address } from "../core/address.ts";
import { type Decision, leaveAlone } from "./decide-result.ts";
import type { Plan } from "./plan.ts";

/** IPv6, where it is not intercepted, in whatever direction. */
export function leaveIpv6({ plan, to }: { readonly plan: Plan; readonly to: Address }): Decision | undefined {
  if (to.family === 4 || plan.ipv6) return undefined;
  return leaveAlone("ipv6-left-alone", "IPv6 is not intercepted", "ipFamilyMode");
}
