// SPDX-License-Identifier: Apache-2.0
import { type CapabilityPurpose, requireCapabilities } from "../../host/capabilities.ts";
import { checkCapabilities } from "../check-capabilities.ts";
import type { CodedCheck } from "../run-check.ts";
import type { Mode } from "./executables.ts";

/**
 * Whether root may do what rules of these modes need, before any program is run: iptables has words for it that help nobody
 * ("getsockopt failed strangely"). Who is not root is told by iptables.
 *
 * @throws TproxyError CAPABILITY_MISSING
 */
export function requirePermission(modes: readonly Mode[]): void {
  if (process.geteuid?.() === 0) requireCapabilities("the iptables engine", purposesOf(modes));
}

/** The same, for `doctor`. */
export function checkPermission(modes: readonly Mode[]): CodedCheck {
  const what = "capabilities to read and write rules";
  return checkCapabilities({ name: "iptables-capabilities", what, purposes: purposesOf(modes) });
}

function purposesOf(modes: readonly Mode[]): readonly CapabilityPurpose[] {
  return modes.includes("legacy") ? ["iptables", "iptables-legacy"] : ["iptables"];
}
