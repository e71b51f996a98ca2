// SPDX-License-Identifier: Apache-2.0
import {
  CAPABILITIES_NEEDED,
  type CapabilityPurpose,
  missingCapabilities,
  nameOfCapability,
  requireCapabilities,
} from "../../host/capabilities.ts";
import { ASK_AS_ROOT, type CodedCheck, runCheck } from "../run-check.ts";
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
  return runCheck({
    name: "iptables-capabilities",
    what: "capabilities to read and write rules",
    look: () => {
      const purposes = purposesOf(modes);
      if (missingCapabilities(purposes).length > 0 && process.geteuid?.() !== 0)
        return { state: "unknown", found: "this process is not root", remedy: ASK_AS_ROOT };
      requirePermission(modes);
      const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => purposes.includes(purpose));
      return needed.map(({ capability }) => nameOfCapability(capability)).join(", ");
    },
  });
}

function purposesOf(modes: readonly Mode[]): readonly CapabilityPurpose[] {
  return modes.includes("legacy") ? ["iptables", "iptables-legacy"] : ["iptables"];
}
