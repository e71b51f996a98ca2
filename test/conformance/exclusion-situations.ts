// Addresses and users that are left alone, and DNS over TCP: the same data as in situations.ts.

import { type OptionSet, optionSet } from "./situation.ts";
import { FAR_REMOTE, OTHER_LOOPBACK, OTHER_REMOTE, OWN, REMOTE, SERVED_PORTS } from "./situation-places.ts";

export const EXCLUSION_SETS: readonly OptionSet[] = [
  optionSet(
    "--exclude-outbound-ips, addresses",
    ["--exclude-outbound-ips", "10.66.0.2,10.66.0.1,fd66::2,fd66::1/128"],
    [
      { name: "app → excluded", client: "app", to: REMOTE, expected: "untouched" },
      { name: "app → another", client: "app", to: OTHER_REMOTE, expected: "outbound" },
      // It covers what the proxy sends to its own host, too.
      { name: "proxy → own, excluded", client: "proxy", to: OWN, expected: "untouched" },
      { name: "proxy → 127.0.0.2", client: "proxy", to: OTHER_LOOPBACK, expected: "inbound" },
      { name: "remote → local is not outbound", client: "remote", to: OWN, expected: "inbound" },
    ],
  ),
  optionSet(
    "--exclude-outbound-ips, ranges",
    ["--exclude-outbound-ips", "10.66.0.2/31", "--exclude-outbound-ips", "fd66::2/127,127.0.0.0/8"],
    [
      { name: "app → first of a range", client: "app", to: REMOTE, expected: "untouched" },
      { name: "app → last of a range", client: "app", to: OTHER_REMOTE, expected: "untouched" },
      { name: "app → behind it", client: "app", to: FAR_REMOTE, expected: "outbound" },
      { name: "proxy → own address", client: "proxy", to: OWN, expected: "inbound" },
      { name: "proxy → 127.0.0.2", client: "proxy", to: OTHER_LOOPBACK, expected: "untouched" },
    ],
  ),
  optionSet(
    "--exclude-outbound-ips, everything",
    ["--exclude-outbound-ips", "0.0.0.0/0,::/0"],
    [
      { name: "app → remote", client: "app", to: REMOTE, expected: "untouched" },
      { name: "proxy → own address", client: "proxy", to: OWN, expected: "untouched" },
      { name: "remote → local", client: "remote", to: OWN, expected: "inbound" },
    ],
  ),
  optionSet(
    "--exclude-inbound-ips, addresses",
    ["--exclude-inbound-ips", "10.66.0.2,fd66::2"],
    [
      { name: "excluded → local", client: "remote", from: REMOTE, to: OWN, expected: "untouched" },
      { name: "another → local", client: "remote", from: OTHER_REMOTE, to: OWN, expected: "inbound" },
      { name: "app → remote is not inbound", client: "app", to: REMOTE, expected: "outbound" },
      { name: "proxy → own address", client: "proxy", to: OWN, expected: "inbound" },
    ],
  ),
  optionSet(
    "--exclude-inbound-ips, ranges",
    ["--exclude-inbound-ips", "10.66.0.2/31,fd66::2/127"],
    [
      { name: "first of a range → local", client: "remote", from: REMOTE, to: OWN, expected: "untouched" },
      {
        name: "last of a range → local",
        client: "remote",
        from: OTHER_REMOTE,
        to: OWN,
        expected: "untouched",
      },
      { name: "behind it → local", client: "remote", from: FAR_REMOTE, to: OWN, expected: "inbound" },
    ],
  ),
  optionSet(
    "--exclude-outbound-ports-for-uids",
    [
      ...["tcp:80:900-1000", "udp:81:1000", "tcp:8080:1001-4294967294", "65534-65535:1000"].flatMap(
        (rule) => ["--exclude-outbound-ports-for-uids", rule],
      ),
    ],
    [
      ...SERVED_PORTS.map((port) => ({
        name: `app → port ${port}`,
        client: "app" as const,
        to: REMOTE,
        port,
        expected: [80, 65534, 65535].includes(port) ? ("untouched" as const) : ("outbound" as const),
      })),
      { name: "proxy → own, excluded", client: "proxy", to: OWN, port: 8080, expected: "untouched" },
      { name: "proxy → own", client: "proxy", to: OWN, port: 80, expected: "inbound" },
      { name: "remote → local is not outbound", client: "remote", to: OWN, port: 80, expected: "inbound" },
    ],
  ),
  optionSet(
    "--exclude-outbound-ports-for-uids, all ports",
    ["--exclude-outbound-ports-for-uids", "tcp:*:1000"],
    [
      { name: "app → port 1", client: "app", to: REMOTE, port: 1, expected: "untouched" },
      { name: "app → port 65535", client: "app", to: REMOTE, port: 65535, expected: "untouched" },
      { name: "proxy → own", client: "proxy", to: OWN, port: 80, expected: "inbound" },
    ],
  ),
  optionSet(
    "--redirect-all-dns-traffic",
    ["--redirect-all-dns-traffic"],
    [
      { name: "app → remote, DNS", client: "app", to: REMOTE, port: 53, expected: "untouched" },
      { name: "app → remote", client: "app", to: REMOTE, expected: "outbound" },
      { name: "proxy → remote, DNS", client: "proxy", to: REMOTE, port: 53, expected: "untouched" },
      { name: "proxy → own, DNS", client: "proxy", to: OWN, port: 53, expected: "inbound" },
      { name: "app → own, DNS", client: "app", to: OWN, port: 53, expected: "untouched" },
      { name: "remote → local, DNS", client: "remote", to: OWN, port: 53, expected: "inbound" },
    ],
  ),
];
