// SPDX-License-Identifier: Apache-2.0
import {
  CAPABILITIES_NEEDED,
  type CapabilityPurpose,
  missingCapabilities,
  nameOfCapability,
  requireCapabilities,
} from "../host/capabilities.ts";
import { ASK_AS_ROOT, type CodedCheck, runCheck } from "./run-check.ts";

export interface CapabilityCheck {
  readonly name: string;
  readonly what: string;
  /** For which all of them are needed. */
  readonly purposes: readonly CapabilityPurpose[];
}

/** Whether this process has what is needed; unknown where it is not root, and would have it as root. */
export function checkCapabilities({ name, what, purposes }: CapabilityCheck): CodedCheck {
  return runCheck({
    name,
    what,
    look: () => {
      if (missingCapabilities(purposes).length > 0 && process.geteuid?.() !== 0)
        return { state: "unknown", found: "this process is not root", remedy: ASK_AS_ROOT };
      requireCapabilities("this process", purposes);
      const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => purposes.includes(purpose));
      return needed.map(({ capability }) => nameOfCapability(capability)).join(", ");
    },
  });
}
