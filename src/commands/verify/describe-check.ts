// SPDX-License-Identifier: Apache-2.0
import { formatAddress, formatEndpoint } from "../../core/address.ts";
import type { Check } from "./check.ts";

/** "outbound: a connection of user 65534 to 192.0.2.1:80". */
export function describeCheck(check: Check): string {
  const { actor, uid, from, protocol } = check;
  const who = actor === "proxy" ? `the proxy (user ${uid})` : `user ${uid}`;
  const source = from === undefined ? "" : ` from ${formatAddress(from)}`;
  switch (protocol) {
    case "tcp":
      return `a connection of ${who}${source} to ${describeTarget(check)}`;
    case "udp":
      return `a query of ${who} to ${describeTarget(check)} (unconnected socket)`;
    case "udp-connected":
      return `a query of ${who} to ${describeTarget(check)}`;
  }
}

export function describeTarget({ to, port }: Check): string {
  return port === undefined ? formatAddress(to) : formatEndpoint(to, port);
}
