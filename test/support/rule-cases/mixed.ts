// Ten configurations with several options. The lines are written from shared/reference/kumactl.md, section 3.

import { DEFAULT, type RuleCase, ruleCase } from "./rule-case.ts";

const OWN_DNS = "-p udp --dport 53 -m owner --uid-owner UID";
const TCP_DNS = "-p tcp --dport 53 -m owner ! --uid-owner UID -j RETURN";
const LOG_IN = "-A PREROUTING -j LOG --log-prefix PREROUTING: --log-level 7";
const LOG_OUT = "-I OUTPUT 1 -j LOG --log-prefix OUTPUT: --log-level 7";
const DROP_INVALID = ["-A PREROUTING -m conntrack --ctstate INVALID -j DROP"];
const NOT_OUTBOUND = ["-A KUMA_MESH_OUTBOUND -p tcp -j RETURN"];
const ALL_ZONES = {
  rawPrerouting: ["-A PREROUTING -p udp --sport 53 -j CT --zone 1"],
  rawOutput: [
    `-A OUTPUT ${OWN_DNS} -j CT --zone 1`,
    "-A OUTPUT -p udp --sport 15053 -m owner --uid-owner UID -j CT --zone 2",
    "-A OUTPUT -p udp --dport 53 -j CT --zone 2",
  ],
} as const;

function everythingInOutput(excluded: string): string[] {
  return [
    LOG_OUT,
    "-I OUTPUT 2 -p tcp -m multiport --dports 22 -m owner --uid-owner 7 -j RETURN",
    "-I OUTPUT 3 -p udp -m multiport --dports 53 -m owner --uid-owner 8:9 -j RETURN",
    `-I OUTPUT 4 -d ${excluded} -j RETURN`,
    `-I OUTPUT 5 ${OWN_DNS} -j RETURN`,
    "-I OUTPUT 6 -p udp --dport 53 -j REDIRECT --to-ports 15053",
    `-A OUTPUT ${TCP_DNS}`,
    ...DEFAULT.output,
  ];
}

export const MIXED_CASES: readonly RuleCase[] = [
  ruleCase(
    "a pod on Kubernetes",
    { inbound: { exclude: [9901] }, outbound: { exclude: [443] }, dns: "all" },
    {
      ...ALL_ZONES,
      output: [
        `-I OUTPUT 1 ${OWN_DNS} -j RETURN`,
        "-I OUTPUT 2 -p udp --dport 53 -j REDIRECT --to-ports 15053",
        `-A OUTPUT ${TCP_DNS}`,
        ...DEFAULT.output,
      ],
      inbound: ["-A KUMA_MESH_INBOUND -p tcp --dport 9901 -j RETURN", ...DEFAULT.inbound],
      outbound: ["-A KUMA_MESH_OUTBOUND -p tcp --dport 443 -j RETURN", ...DEFAULT.local, ...DEFAULT.remote],
    },
    { splitZones: true },
  ),
  ruleCase(
    "everything that goes into OUTPUT",
    {
      uid: 0,
      logLevel: 7,
      users: ["tcp:22:7", "udp:53:8-9"],
      outbound: { addresses: ["10.9.0.0/16", "fd09::/16"] },
      dns: "all",
      dropInvalid: true,
    },
    {
      mangle: DROP_INVALID,
      prerouting: [LOG_IN, ...DEFAULT.prerouting],
      output: { 4: everythingInOutput("10.9.0.0/16"), 6: everythingInOutput("fd09::/16") },
    },
  ),
  ruleCase(
    "the jumps inserted behind everything else that is inserted",
    { logLevel: 7, dns: "all", networks: ["docker0:172.17.0.0/16"], dnsPort: 5300 },
    {
      prerouting: {
        4: [
          LOG_IN,
          "-I PREROUTING 1 -i docker0 -p udp --dport 53 -j REDIRECT --to-ports 5300",
          "-I PREROUTING 2 ! -d 172.17.0.0/16 -i docker0 -p tcp -j REDIRECT --to-ports 15001",
          "-I PREROUTING 3 -p tcp -j KUMA_MESH_INBOUND",
        ],
        6: [LOG_IN, "-I PREROUTING 1 -p tcp -j KUMA_MESH_INBOUND"],
      },
      output: [
        LOG_OUT,
        `-I OUTPUT 2 ${OWN_DNS} -j RETURN`,
        "-I OUTPUT 3 -p udp --dport 53 -j REDIRECT --to-ports 5300",
        `-I OUTPUT 4 ${TCP_DNS}`,
        "-I OUTPUT 5 -p tcp -j KUMA_MESH_OUTBOUND",
      ],
    },
    { insertInbound: true, insertOutbound: true },
  ),
  ruleCase(
    "a gateway",
    { uid: 4294967294, inbound: { redirect: false }, outbound: { port: 25001, exclude: [22, 53] } },
    {
      inbound: ["-A KUMA_MESH_INBOUND -p tcp -j RETURN"],
      outbound: [
        "-A KUMA_MESH_OUTBOUND -p tcp --dport 22 -j RETURN",
        "-A KUMA_MESH_OUTBOUND -p tcp --dport 53 -j RETURN",
        "-A KUMA_MESH_OUTBOUND -s PASSTHROUGH -o lo -j RETURN",
        "-A KUMA_MESH_OUTBOUND -p tcp -o lo -m owner ! --uid-owner UID -j RETURN",
        "-A KUMA_MESH_OUTBOUND -m owner --uid-owner UID -j RETURN",
        "-A KUMA_MESH_OUTBOUND -d LOCALHOST -j RETURN",
        ...DEFAULT.remote,
      ],
      redirectPorts: { inbound: 15006, outbound: 25001 },
    },
  ),
  ruleCase(
    "inbound only, with included ports and excluded sources",
    { outbound: { redirect: false }, inbound: { include: [80], addresses: ["10.0.0.0/8", "fd00::/8"] } },
    {
      outbound: NOT_OUTBOUND,
      inbound: {
        4: [
          "-A KUMA_MESH_INBOUND -s 10.0.0.0/8 -j RETURN",
          "-A KUMA_MESH_INBOUND -p tcp --dport 80 -j KUMA_MESH_INBOUND_REDIRECT",
        ],
        6: [
          "-A KUMA_MESH_INBOUND -s fd00::/8 -j RETURN",
          "-A KUMA_MESH_INBOUND -p tcp --dport 80 -j KUMA_MESH_INBOUND_REDIRECT",
        ],
      },
    },
  ),
  ruleCase(
    "neither direction, but DNS",
    { inbound: { redirect: false }, outbound: { redirect: false }, dns: "servers", servers: ["10.0.0.53"] },
    {
      inbound: ["-A KUMA_MESH_INBOUND -p tcp -j RETURN"],
      outbound: NOT_OUTBOUND,
      output: {
        4: [
          `-I OUTPUT 1 ${OWN_DNS} -j RETURN`,
          "-I OUTPUT 2 -d 10.0.0.53/32 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          `-A OUTPUT ${TCP_DNS}`,
          ...DEFAULT.output,
        ],
        6: DEFAULT.output,
      },
    },
  ),
  ruleCase(
    "a container of a Docker network",
    { dns: "servers", servers: ["127.0.0.11"], logLevel: 7 },
    {
      prerouting: [LOG_IN, ...DEFAULT.prerouting],
      output: {
        4: [
          LOG_OUT,
          `-I OUTPUT 2 ${OWN_DNS} -j DOCKER_OUTPUT`,
          "-I OUTPUT 3 -d 127.0.0.11/32 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          `-A OUTPUT ${TCP_DNS}`,
          ...DEFAULT.output,
        ],
        6: [LOG_OUT, ...DEFAULT.output],
      },
      rawPrerouting: { 4: ["-A PREROUTING -s 127.0.0.11/32 -p udp --sport 53 -j CT --zone 1"], 6: [] },
      rawOutput: {
        4: [
          `-A OUTPUT ${OWN_DNS} -j CT --zone 1`,
          "-A OUTPUT -p udp --sport 15053 -m owner --uid-owner UID -j CT --zone 2",
          "-A OUTPUT -d 127.0.0.11/32 -p udp --dport 53 -j CT --zone 2",
          "-A OUTPUT -s 127.0.0.11/32 -d 127.0.0.1/32 -p udp -j CT --zone 1",
        ],
        6: [],
      },
    },
    { splitZones: true, dockerOutput: true },
  ),
  ruleCase(
    "one interface, two addresses, included ports",
    { tcInterface: "eth0", instance: ["10.66.0.1", "fd66::1", "10.66.0.9"], inbound: { include: [80, 81] } },
    {
      prerouting: ["-A PREROUTING -i eth0 -p tcp -j KUMA_MESH_INBOUND"],
      inbound: {
        4: [
          "-A KUMA_MESH_INBOUND -d 10.66.0.1/32 -p tcp --dport 80 -j KUMA_MESH_INBOUND_REDIRECT",
          "-A KUMA_MESH_INBOUND -d 10.66.0.9/32 -p tcp --dport 80 -j KUMA_MESH_INBOUND_REDIRECT",
          "-A KUMA_MESH_INBOUND -d 10.66.0.1/32 -p tcp --dport 81 -j KUMA_MESH_INBOUND_REDIRECT",
          "-A KUMA_MESH_INBOUND -d 10.66.0.9/32 -p tcp --dport 81 -j KUMA_MESH_INBOUND_REDIRECT",
        ],
        6: [
          "-A KUMA_MESH_INBOUND -d fd66::1/128 -p tcp --dport 80 -j KUMA_MESH_INBOUND_REDIRECT",
          "-A KUMA_MESH_INBOUND -d fd66::1/128 -p tcp --dport 81 -j KUMA_MESH_INBOUND_REDIRECT",
        ],
      },
    },
  ),
  ruleCase(
    "several networks and a tc interface among them",
    {
      tcInterface: "br0",
      networks: ["br+:10.1.0.0/16", "br+:10.2.0.0/16", "veth1:10.3.0.0/16", "veth1:10.4.0.0/16"],
    },
    {
      prerouting: {
        4: [
          "-I PREROUTING 1 -i br+ -p udp --dport 53 -j REDIRECT --to-ports 15053",
          "-I PREROUTING 2 -d 10.2.0.0/16 -i br0 -p tcp -j KUMA_MESH_INBOUND",
          "-I PREROUTING 3 -d 10.2.0.0/16 -i br+ -p tcp -j RETURN",
          "-I PREROUTING 4 ! -d 10.1.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 15001",
          "-I PREROUTING 5 -i veth1 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          "-I PREROUTING 6 -d 10.4.0.0/16 -i veth1 -p tcp -j RETURN",
          "-I PREROUTING 7 ! -d 10.3.0.0/16 -i veth1 -p tcp -j REDIRECT --to-ports 15001",
          "-I PREROUTING 8 -i br0 -p tcp -j KUMA_MESH_INBOUND",
        ],
        6: ["-A PREROUTING -i br0 -p tcp -j KUMA_MESH_INBOUND"],
      },
    },
  ),
  ruleCase(
    "included outbound ports beside excluded users, zones and dropped packets",
    {
      outbound: { include: [80], addresses: ["192.0.2.1"] },
      inbound: { exclude: [22] },
      users: ["tcp:1-65535:0"],
      dns: "all",
      dropInvalid: true,
    },
    {
      ...ALL_ZONES,
      mangle: DROP_INVALID,
      output: {
        4: [
          "-I OUTPUT 1 -p tcp -m multiport --dports 1:65535 -m owner --uid-owner 0 -j RETURN",
          "-I OUTPUT 2 -d 192.0.2.1/32 -j RETURN",
          `-I OUTPUT 3 ${OWN_DNS} -j RETURN`,
          "-I OUTPUT 4 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          `-A OUTPUT ${TCP_DNS}`,
          ...DEFAULT.output,
        ],
        6: [
          "-I OUTPUT 1 -p tcp -m multiport --dports 1:65535 -m owner --uid-owner 0 -j RETURN",
          `-I OUTPUT 2 ${OWN_DNS} -j RETURN`,
          "-I OUTPUT 3 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          `-A OUTPUT ${TCP_DNS}`,
          ...DEFAULT.output,
        ],
      },
      inbound: ["-A KUMA_MESH_INBOUND -p tcp --dport 22 -j RETURN", ...DEFAULT.inbound],
      outbound: [...DEFAULT.local, "-A KUMA_MESH_OUTBOUND -p tcp --dport 80 -j KUMA_MESH_OUTBOUND_REDIRECT"],
    },
    { splitZones: true },
  ),
];
