// SPDX-License-Identifier: Apache-2.0
import { findNearest } from "../config/nearest.ts";
import type { Findings } from "./finding.ts";
import type { Interception } from "./interception.ts";
import { Unfilled } from "./plain.ts";
import { TRANSPARENT_PROXYING_KEYS, type TransparentProxying } from "./schema.ts";

export const SECTION = "networking.transparentProxying";

/** The redirect ports and the family mode, against what is redirected. */
export function checkRedirect(
  section: TransparentProxying,
  interception: Interception,
  findings: Findings,
): void {
  for (const way of ["inbound", "outbound"] as const) checkPort(section, way, interception, findings);
  checkFamilyMode(section.ipFamilyMode, interception, findings);
  for (const key of Object.keys(section)) {
    if (TRANSPARENT_PROXYING_KEYS.includes(key)) continue;
    const nearest = findNearest(key, TRANSPARENT_PROXYING_KEYS);
    const remedy = nearest === undefined ? "remove it" : `did you mean ${nearest}?`;
    findings.warning(`${SECTION}.${key}`, "Kuma does not know this key", remedy);
  }
}

function checkPort(
  section: TransparentProxying,
  way: "inbound" | "outbound",
  interception: Interception,
  findings: Findings,
): void {
  const key = way === "inbound" ? "redirectPortInbound" : "redirectPortOutbound";
  const path = `${SECTION}.${key}`;
  const port = section[key];
  const { redirect, port: wanted } = interception[way];
  if (port instanceof Unfilled) return;
  if (port === undefined || port === null) {
    findings.error(
      SECTION,
      `${key} is missing: without it Kuma takes the Dataplane for one that is not transparent`,
      `write ${key}: ${wanted}`,
    );
  } else if (port !== wanted && redirect) {
    const message = `is ${port}, and ${way} connections are redirected to ${wanted}`;
    findings.error(path, message, `write ${key}: ${wanted}, or install with --redirect-${way}-port ${port}`);
  }
  if (!redirect && way === "outbound")
    findings.error(
      path,
      "outbound connections are not redirected at all",
      "install without --redirect-outbound=false",
    );
}

/** Kuma's names, without regard to upper case as protobuf's JSON has them in several spellings. */
function checkFamilyMode(
  mode: TransparentProxying["ipFamilyMode"],
  { ipv6 }: Interception,
  findings: Findings,
): void {
  const path = `${SECTION}.ipFamilyMode`;
  if (mode instanceof Unfilled) return;
  switch (mode?.toLowerCase() ?? "unspecified") {
    case "dualstack":
    case "unspecified":
      if (!ipv6)
        findings.warning(
          mode === undefined || mode === null ? SECTION : path,
          "the proxy serves IPv6 too, and only IPv4 is redirected: what goes over IPv6 passes it by",
          "write ipFamilyMode: IPv4, or install with --ip-family-mode=dualstack",
        );
      return;
    case "ipv4":
      if (ipv6)
        findings.error(
          path,
          "the proxy serves IPv4 only, and IPv6 is redirected to it as well, where it is refused",
          "write ipFamilyMode: DualStack, or install with --ip-family-mode=ipv4",
        );
      return;
    case "ipv6":
      findings.error(path, "Kuma does not support IPv6 alone", "write DualStack or IPv4");
      return;
    default:
      findings.error(path, `Kuma does not know ${JSON.stringify(mode)}`, "write DualStack or IPv4");
  }
}
