// SPDX-License-Identifier: Apache-2.0
import type { EngineName } from "../../engine/engine.ts";
import type { Listening } from "../../engine/listening.ts";
import type { CommonRecord, DirectionRecord } from "../../engine/record.ts";

/** What is said of an installation whichever engine it has. */
export function describeCommon(engine: EngineName, record: CommonRecord, listening: Listening): string[] {
  const { name, uid } = record.proxyUser;
  return [
    `engine: ${engine} (tproxyctl ${record.version}, installed ${record.installedAt})`,
    `proxy user: ${name === undefined ? uid : `${name} (${uid})`}`,
    `outbound: ${describeDirection(record.outbound, listening.outbound)}`,
    `inbound: ${describeDirection(record.inbound, listening.inbound)}`,
    `while the proxy does not listen: ${record.whenProxyDown === "bypass" ? "what would go to it is left alone" : "what would go to it is refused"}`,
    `IPv6: ${record.ipv6 ? "intercepted" : "left alone"}`,
    `inbound addresses: ${record.instance === "all" ? "all" : record.instance.join(", ")}`,
  ];
}

function describeDirection(
  { redirect, port, excludedPorts }: DirectionRecord,
  listening: readonly string[],
): string {
  if (!redirect) return "not intercepted";
  const excluded = excludedPorts.length === 0 ? "" : `, but for the ports ${excludedPorts.join(", ")}`;
  const proxy =
    listening.length === 0 ? "the proxy does not listen" : `the proxy listens on ${listening.join(", ")}`;
  return `to port ${port}${excluded}; ${proxy}`;
}
