// SPDX-License-Identifier: Apache-2.0
import type { SettingKey } from "../../config/config.ts";
import { formatAddress, formatEndpoint } from "../../core/address.ts";
import type { Connection } from "../../plan/decide.ts";
import type { WithoutProxy } from "../../plan/decide-proxy-down.ts";
import type { Decision } from "../../plan/decide-result.ts";
import { type Answer, flagOf, sourceOf } from "./answer.ts";
import type { Basis } from "./basis.ts";

export function renderText({ basis, connection, decision, withoutProxy }: Answer): string[] {
  return [
    `${describeConnection(connection)}: ${describeResult(decision)}`,
    `because ${decision.reason}`,
    `rule: ${decision.rule}${describeSetting(decision.setting, basis)}`,
    ...(withoutProxy === undefined
      ? []
      : [`while nobody listens there: ${WITHOUT_PROXY[withoutProxy]}${describeSetting(KEY, basis)}`]),
    `engine: ${basis.engine}, ${basis.installedAt === undefined ? "not installed: from the options given" : `installed ${basis.installedAt}`}`,
  ];
}

function describeConnection(connection: Connection): string {
  const to = formatEndpoint(connection.to, connection.port);
  switch (connection.kind) {
    case "outbound": {
      const from = connection.from === undefined ? "" : ` from ${formatAddress(connection.from)}`;
      return `a TCP connection of user ${connection.uid}${from} to ${to}`;
    }
    case "inbound":
      return `a TCP connection from ${formatAddress(connection.from)} to ${to} on ${connection.interface}`;
    case "dns":
      return `a UDP datagram of user ${connection.uid} to ${to}`;
  }
}

function describeResult({ result, port }: Decision): string {
  switch (result) {
    case "untouched":
      return "left alone";
    case "refused":
      return "not possible";
    case "outbound":
      return `to the proxy's outbound port ${port}`;
    case "inbound":
      return `to the proxy's inbound port ${port}`;
    case "dns":
      return `to the DNS proxy's port ${port}`;
  }
}

const KEY = "redirect.whenProxyDown";

const WITHOUT_PROXY: Readonly<Record<WithoutProxy, string>> = {
  refused: "refused",
  untouched: "left alone",
  unanswered: "not answered",
};

function describeSetting(setting: SettingKey | undefined, basis: Basis): string {
  if (setting === undefined) return "";
  const names = [flagOf(setting), sourceOf(setting, basis)].filter((name) => name !== undefined);
  const [name, source = name] = names;
  if (name === undefined) return ` (${setting})`;
  return ` (${setting}, ${source === name ? name : `${name}; set by ${source}`})`;
}
