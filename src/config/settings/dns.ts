// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const DNS_SETTINGS: readonly Setting[] = [
  {
    key: "redirect.dns.enabled",
    env: "REDIRECT_DNS_ENABLED",
    kind: "boolean",
    default: "false",
    flags: [
      {
        name: "redirect-dns",
        help: "redirect DNS queries to the name servers in /etc/resolv.conf to the proxy",
      },
    ],
  },
  {
    key: "redirect.dns.captureAll",
    env: "REDIRECT_DNS_CAPTURE_ALL",
    kind: "boolean",
    default: "false",
    flags: [{ name: "redirect-all-dns-traffic", help: "redirect all DNS queries to the proxy" }],
  },
  {
    key: "redirect.dns.port",
    env: "REDIRECT_DNS_PORT",
    kind: "port",
    default: "15053",
    flags: [{ name: "redirect-dns-port", argument: "PORT", help: "where the proxy takes DNS queries" }],
  },
  {
    key: "redirect.dns.skipConntrackZoneSplit",
    env: "REDIRECT_DNS_SKIP_CONNTRACK_ZONE_SPLIT",
    kind: "boolean",
    default: "false",
    flags: [
      {
        name: "skip-dns-conntrack-zone-split",
        help: "do not keep queries of the proxy and of others apart in conntrack (iptables)",
      },
    ],
  },
  {
    key: "redirect.dns.resolvConfigPath",
    env: "REDIRECT_DNS_RESOLV_CONFIG_PATH",
    kind: "path",
    meaning: "where the name servers are read from",
    default: "/etc/resolv.conf",
    flags: [],
  },
];
