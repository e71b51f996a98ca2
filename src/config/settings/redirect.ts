// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const REDIRECT_SETTINGS: readonly Setting[] = [
  {
    key: "redirect.inbound.enabled",
    default: "true",
    flags: [{ name: "redirect-inbound", help: "redirect inbound connections; =false for a gateway" }],
  },
  {
    key: "redirect.inbound.port",
    default: "15006",
    flags: [
      { name: "redirect-inbound-port", argument: "PORT", help: "where the proxy takes inbound connections" },
    ],
  },
  { key: "redirect.inbound.includePorts", default: "", flags: [] },
  {
    key: "redirect.inbound.excludePorts",
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
    default: "false",
    flags: [
      {
        name: "redirect-inbound-insert-instead-of-append",
        help: "put the jump of inbound connections before other rules (iptables)",
      },
    ],
  },
  { key: "redirect.outbound.enabled", default: "true", flags: [] },
  {
    key: "redirect.outbound.port",
    default: "15001",
    flags: [
      {
        name: "redirect-outbound-port",
        argument: "PORT",
        help: "where the proxy takes outbound connections",
      },
    ],
  },
  { key: "redirect.outbound.includePorts", default: "", flags: [] },
  {
    key: "redirect.outbound.excludePorts",
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
    default: "",
    flags: [
      {
        name: "exclude-outbound-ports-for-uids",
        argument: "RULE",
        repeatable: true,
        help: "[[PROTOCOL:]PORTS:]UIDS (tcp:80,8000-8080:1000-1999) that are left alone; repeatable",
      },
    ],
  },
  {
    key: "redirect.outbound.insertRedirectInsteadOfAppend",
    default: "false",
    flags: [
      {
        name: "redirect-outbound-insert-instead-of-append",
        help: "put the jump of outbound connections before other rules (iptables)",
      },
    ],
  },
  {
    key: "redirect.vnet.networks",
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
