// Root with few capabilities.

import { CAPABILITIES_NEEDED, type CapabilityPurpose } from "../../src/host/capabilities.ts";

export function capabilitiesFor(...purposes: readonly CapabilityPurpose[]): string[] {
  const needed = CAPABILITIES_NEEDED.filter(({ purpose }) => purposes.includes(purpose));
  return [...new Set(needed.map(({ capability }) => capability))];
}

/** root without any but these: what a program may have at most is all that root has after it was started. */
export function withOnly(capabilities: readonly string[], command: readonly string[]): string[] {
  const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  return ["setpriv", `--bounding-set=${bounding}`, "--inh-caps=-all", ...command];
}
