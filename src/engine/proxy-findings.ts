// SPDX-License-Identifier: Apache-2.0
import { type Address, type Family, unmapAddress } from "../core/address.ts";
import type { InterfaceFact, ListenerFact } from "../core/facts.ts";
import { speaksIpv6 } from "../plan/make-plan.ts";
import { keptPlan } from "../plan/plan-json.ts";
import { type Finding, finding } from "./finding.ts";
import type { CommonRecord } from "./record.ts";

/** What of this host says how the proxy is. */
export interface ProxyFacts {
  /** On the proxy's ports. */
  readonly listeners: readonly ListenerFact[];
  /** Somebody takes queries on the DNS proxy's port. */
  readonly dnsListens: boolean;
  readonly interfaces: readonly InterfaceFact[];
}

/**
 * How the proxy is. It is another program, which may come after the installation, as in a pod, and be restarted: where
 * it was not seen to listen when this was installed, that it does not is only a word worth. Pure.
 */
export function proxyFindings(record: CommonRecord, facts: ProxyFacts): Finding[] {
  return [
    ...(["outbound", "inbound"] as const).flatMap((direction) => oneDirection(direction, record, facts)),
    ...dnsFindings(record, facts),
  ];
}

function oneDirection(
  direction: "outbound" | "inbound",
  record: CommonRecord,
  { listeners, interfaces }: ProxyFacts,
): Finding[] {
  const { redirect, port } = record[direction];
  if (!redirect) return [];
  const own = listeners.filter((each) => each.port === port);
  if (own.length === 0) return [notListening(direction, port, record)];
  const families: readonly Family[] = record.ipv6 && speaksIpv6(interfaces) ? [4, 6] : [4];
  return [
    ...families
      .filter((family) => !own.some((each) => takes(each, family)))
      .map((family) =>
        finding(
          "proxy-family",
          `${direction}: nobody listens on port ${port} for IPv${family}, whose connections are ${fate(record)}`,
          family === 6
            ? "have the proxy listen on [::] too, or install with --ip-family-mode=ipv4."
            : "have the proxy listen on 0.0.0.0.",
        ),
      ),
    ...otherUser(direction, own, record),
  ];
}

function notListening(direction: string, port: number, record: CommonRecord): Finding {
  const wasThere = record.proxySeen?.includes(port) === true && record.whenProxyDown !== "bypass";
  const what = wasThere
    ? `the proxy is gone: nothing listens on port ${port} any more`
    : `nothing listens on port ${port}`;
  return finding(
    wasThere ? "proxy-gone" : "proxy-not-listening",
    `${direction}: ${what}; these connections are ${fate(record)}`,
    "start the proxy.",
  );
}

function fate({ whenProxyDown }: CommonRecord): string {
  return whenProxyDown === "bypass" ? "left alone" : "refused";
}

/** Its own connections would come back to it. */
function otherUser(direction: string, own: readonly ListenerFact[], { proxyUser }: CommonRecord): Finding[] {
  const uids = [...new Set(own.map(({ uid }) => uid))].filter((uid) => uid !== proxyUser.uid);
  if (uids.length === 0) return [];
  return [
    finding(
      "proxy-user",
      `${direction}: who listens on port ${own[0]?.port} runs as user ${uids.join(", ")}, not ${proxyUser.uid}: ` +
        "its own connections are redirected as an application's",
      `run the proxy as user ${proxyUser.uid}, or install with --kuma-dp-user ${uids[0]}.`,
    ),
  ];
}

function dnsFindings(record: CommonRecord, { dnsListens }: ProxyFacts): Finding[] {
  const dns = keptPlan(record)?.dns;
  if (dns === undefined || dns.redirect === "none" || dnsListens) return [];
  const fateOfQueries = record.whenProxyDown === "bypass" ? "left alone" : "not answered";
  return [
    finding(
      "dns-proxy-not-listening",
      `nothing takes DNS queries on port ${dns.port}: they are ${fateOfQueries}`,
      "start the DNS proxy.",
    ),
  ];
}

/** A socket on [::] takes IPv4 too, unless it was told not to; then there is another one. */
function takes({ address }: ListenerFact, wanted: Family): boolean {
  return (
    address.family === wanted ||
    (wanted === 4 && (isUnspecified(address) || unmapAddress(address).family === 4))
  );
}

function isUnspecified({ bytes }: Address): boolean {
  return bytes.every((byte) => byte === 0);
}
