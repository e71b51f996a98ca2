// DNS and its conntrack zones. The lines are written from shared/reference/kumactl.md, section 3.

import { DEFAULT, type RuleCase, ruleCase } from "./rule-case.ts";

const OWN_DNS = "-p udp --dport 53 -m owner --uid-owner UID";
const TCP_DNS = "-A OUTPUT -p tcp --dport 53 -m owner ! --uid-owner UID -j RETURN";

const SERVERS = ["10.0.0.53", "127.0.0.11", "fd00::53", "::1"];

const SERVERS_OUTPUT = {
  4: [
    `-I OUTPUT 1 ${OWN_DNS} -j RETURN`,
    "-I OUTPUT 2 -d 10.0.0.53/32 -p udp --dport 53 -j REDIRECT --to-ports 15053",
    "-I OUTPUT 3 -d 127.0.0.11/32 -p udp --dport 53 -j REDIRECT --to-ports 15053",
    TCP_DNS,
    "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
  ],
  6: [
    `-I OUTPUT 1 ${OWN_DNS} -j RETURN`,
    "-I OUTPUT 2 -d fd00::53/128 -p udp --dport 53 -j REDIRECT --to-ports 15053",
    "-I OUTPUT 3 -d ::1/128 -p udp --dport 53 -j REDIRECT --to-ports 15053",
    TCP_DNS,
    "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
  ],
};

const ALL_DNS_OUTPUT = [
  `-I OUTPUT 1 ${OWN_DNS} -j RETURN`,
  "-I OUTPUT 2 -p udp --dport 53 -j REDIRECT --to-ports 15053",
  TCP_DNS,
  "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
];

const PROXYS_ZONES = [
  `-A OUTPUT ${OWN_DNS} -j CT --zone 1`,
  "-A OUTPUT -p udp --sport 15053 -m owner --uid-owner UID -j CT --zone 2",
];

export const DNS_CASES: readonly RuleCase[] = [
  ruleCase("--redirect-dns", { dns: "servers", servers: SERVERS }, { output: SERVERS_OUTPUT }),
  ruleCase(
    "--redirect-dns with name servers of IPv4 alone",
    { dns: "servers", servers: ["10.0.0.53"], dnsPort: 5353 },
    {
      output: {
        4: [
          `-I OUTPUT 1 ${OWN_DNS} -j RETURN`,
          "-I OUTPUT 2 -d 10.0.0.53/32 -p udp --dport 53 -j REDIRECT --to-ports 5353",
          TCP_DNS,
          ...DEFAULT.output,
        ],
        6: DEFAULT.output,
      },
      rawPrerouting: { 4: ["-A PREROUTING -s 10.0.0.53/32 -p udp --sport 53 -j CT --zone 1"], 6: [] },
      rawOutput: {
        4: [
          `-A OUTPUT ${OWN_DNS} -j CT --zone 1`,
          "-A OUTPUT -p udp --sport 5353 -m owner --uid-owner UID -j CT --zone 2",
          "-A OUTPUT -d 10.0.0.53/32 -p udp --dport 53 -j CT --zone 2",
        ],
        6: [],
      },
    },
    { splitZones: true },
  ),
  ruleCase(
    "--redirect-dns with conntrack zones",
    { dns: "servers", servers: SERVERS },
    {
      output: SERVERS_OUTPUT,
      rawPrerouting: {
        4: [
          "-A PREROUTING -s 10.0.0.53/32 -p udp --sport 53 -j CT --zone 1",
          "-A PREROUTING -s 127.0.0.11/32 -p udp --sport 53 -j CT --zone 1",
        ],
        6: [
          "-A PREROUTING -s fd00::53/128 -p udp --sport 53 -j CT --zone 1",
          "-A PREROUTING -s ::1/128 -p udp --sport 53 -j CT --zone 1",
        ],
      },
      rawOutput: {
        4: [
          ...PROXYS_ZONES,
          "-A OUTPUT -d 10.0.0.53/32 -p udp --dport 53 -j CT --zone 2",
          "-A OUTPUT -d 127.0.0.11/32 -p udp --dport 53 -j CT --zone 2",
          "-A OUTPUT -s 127.0.0.11/32 -d 127.0.0.1/32 -p udp -j CT --zone 1",
        ],
        6: [
          ...PROXYS_ZONES,
          "-A OUTPUT -d fd00::53/128 -p udp --dport 53 -j CT --zone 2",
          "-A OUTPUT -d ::1/128 -p udp --dport 53 -j CT --zone 2",
          "-A OUTPUT -s ::1/128 -d ::1/128 -p udp -j CT --zone 1",
        ],
      },
    },
    { splitZones: true },
  ),
  ruleCase("--redirect-all-dns-traffic", { dns: "all" }, { output: ALL_DNS_OUTPUT }),
  ruleCase(
    "--redirect-all-dns-traffic with conntrack zones",
    { dns: "all" },
    {
      output: ALL_DNS_OUTPUT,
      rawPrerouting: ["-A PREROUTING -p udp --sport 53 -j CT --zone 1"],
      rawOutput: [...PROXYS_ZONES, "-A OUTPUT -p udp --dport 53 -j CT --zone 2"],
    },
    { splitZones: true },
  ),
  ruleCase(
    "--redirect-all-dns-traffic on a Docker network",
    { dns: "all" },
    { output: [`-I OUTPUT 1 ${OWN_DNS} -j DOCKER_OUTPUT`, ...ALL_DNS_OUTPUT.slice(1)] },
    { dockerOutput: true },
  ),
];
