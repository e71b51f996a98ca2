// SPDX-License-Identifier: Apache-2.0
import type { Setting } from "../setting.ts";

export const DNS_SETTINGS: readonly Setting[] = [
  {
    key: "redirect.dns.enabled",
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
    default: "false",
    flags: [{ name: "redirect-all-dns-traffic", help: "redirect all DNS queries to the proxy" }],
  },
  {
    key: "redirect.dns.port",
    default: "15053",
    flags: [{ name: "redirect-dns-port", argument: "PORT", help: "where the proxy takes DNS queries" }],
  },
  {
    key: "redirect.dns.skipConntrackZoneSplit",
    default: "false",
    flags: [
      {
        name: "skip-dns-conntrack-zone-split",
        help: "do not keep queries of the proxy and of others apart in conntrack (iptables)",
      },
    ],
  },
  { key: "redirect.dns.resolvConfigPath", default: "/etc/resolv.conf", flags: [] },
];
