// The UDP part of the table in the design, as data. It says nothing of how that is done.

import { APP_UID, PROXY_UID } from "../support/world.ts";
import type { DnsRow, DnsSet } from "./dns-situation.ts";

const FIRST = { v4: ["10.66.0.2"], v6: ["fd66::2"] };
const SECOND = { v4: ["10.66.0.3"], v6: ["fd66::3"] };
const BOTH = { v4: ["10.66.0.2", "10.66.0.3"], v6: ["fd66::2", "fd66::3"] };
/** As many as a C library asks. */
const THREE = { v4: ["10.66.0.2", "127.0.0.53", "10.66.0.3"] };
const RESOLVED = { v4: ["127.0.0.53"] };

const RESOLV_CONF = ["10.66.0.2", "127.0.0.53", "fd66::2"];

const OWN = { v4: "10.66.0.1", v6: "fd66::1" };

const IN_RESOLV_CONF: readonly DnsRow[] = [
  { name: "app → a name server", client: "app", servers: FIRST, expected: "proxy" },
  { name: "app → systemd-resolved", client: "app", servers: RESOLVED, expected: "proxy" },
  { name: "app, bound → a name server", client: "app", servers: FIRST, from: OWN, expected: "proxy" },
  {
    name: "app → a name server, four queries",
    client: "app",
    servers: FIRST,
    options: ["--each", "4"],
    expected: "proxy",
  },
  {
    name: "app → a name server, 4 KiB",
    client: "app",
    servers: FIRST,
    options: ["--size", "4096"],
    expected: "proxy",
  },
  { name: "proxy → a name server", client: "proxy", servers: FIRST, expected: "servers" },
  { name: "proxy → systemd-resolved", client: "proxy", servers: RESOLVED, expected: "servers" },
];

const ALL_ROWS: readonly DnsRow[] = [
  ...IN_RESOLV_CONF,
  { name: "app → two", client: "app", servers: BOTH, expected: "proxy" },
  { name: "app, bound → two", client: "app", servers: BOTH, from: OWN, expected: "proxy" },
  { name: "app → three", client: "app", servers: THREE, options: ["--each", "3"], expected: "proxy" },
  { name: "proxy → two", client: "proxy", servers: BOTH, expected: "servers" },
  {
    name: "app → other port",
    client: "app",
    servers: { v4: ["10.66.0.2:5353"], v6: ["[fd66::2]:5353"] },
    expected: "servers",
  },
];

export const DNS_SETS: readonly DnsSet[] = [
  {
    title: "by default",
    flags: [],
    resolvConf: RESOLV_CONF,
    port: 15053,
    rows: [
      { name: "app → a name server", client: "app", servers: FIRST, expected: "servers" },
      { name: "app → two", client: "app", servers: BOTH, expected: "servers" },
      { name: "app → systemd-resolved", client: "app", servers: RESOLVED, expected: "servers" },
    ],
  },
  {
    title: "--redirect-dns",
    flags: ["--redirect-dns"],
    resolvConf: RESOLV_CONF,
    port: 15053,
    rows: [
      ...IN_RESOLV_CONF,
      { name: "app → another server", client: "app", servers: SECOND, expected: "servers" },
    ],
  },
  {
    title: "--redirect-dns, no IPv6 name server",
    flags: ["--redirect-dns"],
    resolvConf: ["10.66.0.2", "10.66.0.3"],
    port: 15053,
    rows: [
      { name: "app → two", client: "app", servers: BOTH, kinds: ["v4", "mapped"], expected: "proxy" },
      { name: "app → two", client: "app", servers: BOTH, kinds: ["v6"], expected: "servers" },
    ],
  },
  {
    title: "--redirect-all-dns-traffic",
    flags: ["--redirect-all-dns-traffic"],
    resolvConf: [],
    port: 15053,
    rows: ALL_ROWS,
  },
  {
    title: "--redirect-dns-port",
    flags: ["--redirect-all-dns-traffic", "--redirect-dns-port", "25053"],
    resolvConf: [],
    port: 25053,
    rows: [{ name: "app → two", client: "app", servers: BOTH, expected: "proxy" }],
  },
  {
    title: "--ip-family-mode ipv4",
    flags: ["--redirect-all-dns-traffic", "--ip-family-mode", "ipv4"],
    resolvConf: [],
    port: 15053,
    rows: [
      { name: "app → two", client: "app", servers: BOTH, kinds: ["v4", "mapped"], expected: "proxy" },
      { name: "app → two", client: "app", servers: BOTH, kinds: ["v6"], expected: "servers" },
    ],
  },
  {
    title: "--exclude-outbound-ips",
    flags: ["--redirect-all-dns-traffic", "--exclude-outbound-ips", "10.66.0.3,fd66::3"],
    resolvConf: [],
    port: 15053,
    rows: [
      { name: "app → the excluded one", client: "app", servers: SECOND, expected: "servers" },
      { name: "app → another", client: "app", servers: FIRST, expected: "proxy" },
    ],
  },
  ...usersSets(),
];

function usersSets(): DnsSet[] {
  const excluded: [rules: string[], expected: DnsRow["expected"]][] = [
    [[`udp:53:${APP_UID}`], "servers"],
    [[`udp:1-52,54-65535:${APP_UID}`, `tcp:53:${APP_UID}`], "proxy"],
    [[`udp:53:0-${APP_UID - 1},${APP_UID + 1}-4294967294`], "proxy"],
    [[`*:${PROXY_UID}`, `53:${APP_UID - 1}-${APP_UID + 1}`], "servers"],
  ];
  return excluded.map(([rules, expected]) => ({
    title: rules.join(" "),
    flags: [
      "--redirect-all-dns-traffic",
      ...rules.flatMap((rule) => ["--exclude-outbound-ports-for-uids", rule]),
    ],
    resolvConf: [],
    port: 15053,
    rows: [{ name: "app → two", client: "app", servers: BOTH, expected }],
  }));
}
