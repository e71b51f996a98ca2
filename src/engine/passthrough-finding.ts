// SPDX-License-Identifier: Apache-2.0
import { sameAddress } from "../core/address.ts";
import type { InterfaceFact } from "../core/facts.ts";
import { PASSTHROUGH_ADDRESS } from "../plan/plan.ts";
import { keptPlan } from "../plan/plan-json.ts";
import { type Finding, finding, INSTALL_AGAIN } from "./finding.ts";
import type { CommonRecord } from "./record.ts";

/** Without ::6 the proxy cannot hand an IPv6 request to its own application. Pure. */
export function passthroughFinding(
  record: Pick<CommonRecord, "addedPassthroughAddress" | "plan">,
  interfaces: readonly InterfaceFact[],
): Finding[] {
  const isNeeded = record.addedPassthroughAddress || keptPlan(record)?.passthroughAddress === "present";
  if (!isNeeded) return [];
  const addresses = interfaces.flatMap((each) => each.addresses);
  if (addresses.some((each) => sameAddress(each, PASSTHROUGH_ADDRESS))) return [];
  return [finding("passthrough-address-gone", "::6 is gone from lo", INSTALL_AGAIN)];
}
