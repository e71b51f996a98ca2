// SPDX-License-Identifier: Apache-2.0
import type { Flag } from "../flag.ts";
import type { Setting } from "../setting.ts";

export const REDIRECT_SETTINGS: readonly Setting[] = [
  {
    key: "redirect.inbound.enabled",
    env: "REDIRECT_INBOUND_ENABLED",
    kind: "boolean",
    default: "true",
    flags: [{ name: "redirect-inbound", help: "redirect inbound connections; =false for a gateway" }],
  },
  {
    key: "redirect.inbound.port",
    env: "REDIRECT_INBOUND_PORT",
    kind: "port",
    default: "15006",
    flags: [
      { name: "redirect-inbound-port", argument: "PORT", help: "where the proxy takes inbound connections" },
    ],
  },
  {
    key: "redirect.inbound.includePorts",
    env: "REDIRECT_INBOUND_INCLUDE_PORTS",
    kind: "ports",
    meaning: "only inbound connections to these ports are redirected; excluded ports then count for nothing",
    default: "",
    flags: [],
  },
  {
    key: "redirect.inbound.excludePorts",
    env: "REDIRECT_INBOUND_EXCLUDE_PORTS",
    kind: "ports",
    default: "",
    flags: [
      {
        name: "exclude-inbound-ports",
        argument: "PORTS",
        help: "ports (80,443) whose inbound connections are left alone",
      },
    ],
  },
  {
    key: "redirect.inbound.excludePortsForIPs",
    env: "REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_IPS",
    kind: "prefixes",
    default: "",
    flags: [
      {
        name: "exclude-inbound-ips",
        argument: "IPS",
        repeatable: true,
        help: "sources (10.0.0.1,fd00::/8) whose inbound connections are left alone; repeatable",
      },
    ],
  },
  {
    key: "redirect.inbound.insertRedirectInsteadOfAppend",
    env: "REDIRECT_INBOUND_INSERT_REDIRECT_INSTEAD_OF_APPEND",
    kind: "boolean",
    default: "false",
    flags: [
      {
        name: "redirect-inbound-insert-instead-of-append",
        help: "put the jump of inbound connections before other rules (iptables)",
      },
    ],
  },
  {
    key: "redirect.outbound.enabled",
    env: "REDIRECT_OUTBOUND_ENABLED",
    kind: "boolean",
    meaning: "redirect outbound connections",
    default: "true",
    flags: [],
  },
  {
    key: "redirect.outbound.port",
    env: "REDIRECT_OUTBOUND_PORT",
    kind: "port",
    default: "15001",
    flags: [
      {
        name: "redirect-outbound-port",
        argument: "PORT",
        help: "where the proxy takes outbound connections",
      },
    ],
  },
  {
    key: "redirect.outbound.includePorts",
    env: "REDIRECT_OUTBOUND_INCLUDE_PORTS",
    kind: "ports",
    meaning: "only outbound connections to these ports are redirected; excluded ports then count for nothing",
    default: "",
    flags: [],
  },
  {
    key: "redirect.outbound.excludePorts",
    env: "REDIRECT_OUTBOUND_EXCLUDE_PORTS",
    kind: "ports",
    default: "",
    flags: [
      {
        name: "exclude-outbound-ports",
        argument: "PORTS",
        help: "ports (80,443) whose outbound connections are left alone",
      },
    ],
  },
  {
    key: "redirect.outbound.excludePortsForIPs",
    env: "REDIRECT_OUTBOUND_EXCLUDE_PORTS_FOR_IPS",
    kind: "prefixes",
    default: "",
    flags: [
      {
        name: "exclude-outbound-ips",
        argument: "IPS",
        repeatable: true,
        help: "destinations (10.0.0.1,fd00::/8) that are left alone; repeatable",
      },
    ],
  },
  {
    key: "redirect.outbound.excludePortsForUIDs",
    env: "REDIRECT_OUTBOUND_EXCLUDE_PORTS_FOR_UIDS",
    kind: "rules",
    default: "",
    flags: [
      {
        name: "exclude-outbound-ports-for-uids",
        argument: "RULE",
        repeatable: true,
        help: "[[PROTOCOL:]PORTS:]UIDS (tcp:80,8000-8080:1000-1999) that are left alone; repeatable",
      },
      ofOneProtocol("tcp"),
      ofOneProtocol("udp"),
    ],
  },
  {
    key: "redirect.outbound.insertRedirectInsteadOfAppend",
    env: "REDIRECT_OUTBOUND_INSERT_REDIRECT_INSTEAD_OF_APPEND",
    kind: "boolean",
    default: "false",
    flags: [
      {
        name: "redirect-outbound-insert-instead-of-append",
        help: "put the jump of outbound connections before other rules (iptables)",
      },
    ],
  },
  {
    key: "redirect.whenProxyDown",
    env: "WHEN_PROXY_DOWN",
    kind: "proxyDown",
    default: "refuse",
    flags: [
      {
        name: "when-proxy-down",
        argument: "WHAT",
        help: '"refuse" connections while nobody listens, or "bypass" to let them go where they want (eBPF only)',
      },
    ],
  },
  {
    key: "redirect.vnet.networks",
    env: "REDIRECT_VNET_NETWORKS",
    kind: "networks",
    default: "",
    flags: [
      {
        name: "vnet",
        argument: "NETWORK",
        repeatable: true,
        help: "INTERFACE:PREFIX (docker0:172.17.0.0/16, br+:fd00::/64) whose connections are redirected; repeatable",
      },
    ],
  },
];

/** The flags that rules were given by before they named their protocol: PORTS:UIDS. */
function ofOneProtocol(protocol: "tcp" | "udp"): Flag {
  const name = `exclude-outbound-${protocol}-ports-for-uids`;
  return {
    name,
    argument: "RULE",
    repeatable: true,
    help: "PORTS:UIDS that are left alone",
    hidden: true,
    deprecated: `--${name} is deprecated; --exclude-outbound-ports-for-uids ${protocol}:PORTS:UIDS says the same`,
    toValue: (text) => (text.trim() === "" ? "" : `${protocol}:${text}`),
  };
}
