// Users, networks behind this host, and what stands alone. The lines are written from shared/reference/kumactl.md, section 3.

import { DEFAULT, type RuleCase, ruleCase } from "./rule-case.ts";

const MANY_PORTS = Array.from({ length: 17 }, (_, index) => 2001 + 2 * index);

export const USER_CASES: readonly RuleCase[] = [
  ruleCase(
    "--exclude-outbound-ports-for-uids",
    { users: ["tcp:53,3000-5000:106-108,4294967294", "udp:1-65535:0"] },
    {
      output: [
        "-I OUTPUT 1 -p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 106:108 -j RETURN",
        "-I OUTPUT 2 -p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 4294967294 -j RETURN",
        "-I OUTPUT 3 -p udp -m multiport --dports 1:65535 -m owner --uid-owner 0 -j RETURN",
        ...DEFAULT.output,
      ],
    },
  ),
  ruleCase(
    "more ports than a rule can hold",
    { users: [`tcp:${MANY_PORTS.slice(0, 14).join(",")},7-9,${MANY_PORTS.slice(14).join(",")}:5-6`] },
    {
      output: [
        `-I OUTPUT 1 -p tcp -m multiport --dports ${MANY_PORTS.slice(0, 14).join(",")} -m owner --uid-owner 5:6 -j RETURN`,
        "-I OUTPUT 2 -p tcp -m multiport --dports 7:9,2029,2031,2033 -m owner --uid-owner 5:6 -j RETURN",
        ...DEFAULT.output,
      ],
    },
  ),
];

export const OTHER_CASES: readonly RuleCase[] = [
  ruleCase(
    "--vnet",
    { networks: ["br+:172.17.0.0/16", "veth1:fd00:9::/64"] },
    {
      prerouting: {
        4: [
          "-I PREROUTING 1 -i br+ -p udp --dport 53 -j REDIRECT --to-ports 15053",
          "-I PREROUTING 2 ! -d 172.17.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 15001",
          "-I PREROUTING 3 -p tcp -j KUMA_MESH_INBOUND",
        ],
        6: [
          "-I PREROUTING 1 -i veth1 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          "-I PREROUTING 2 ! -d fd00:9::/64 -i veth1 -p tcp -j REDIRECT --to-ports 15001",
          "-I PREROUTING 3 -p tcp -j KUMA_MESH_INBOUND",
        ],
      },
    },
  ),
  ruleCase(
    "--vnet with several networks on an interface",
    {
      networks: ["br0:10.1.0.0/16", "br0:10.2.0.0/16", "br0:10.1.5.0/24", "br0:10.2.0.0/16", "br1:0.0.0.0/0"],
    },
    {
      prerouting: {
        4: [
          "-I PREROUTING 1 -i br0 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          "-I PREROUTING 2 -d 10.2.0.0/16 -i br0 -p tcp -j KUMA_MESH_INBOUND",
          "-I PREROUTING 3 -d 10.2.0.0/16 -i br0 -p tcp -j RETURN",
          "-I PREROUTING 4 ! -d 10.1.0.0/16 -i br0 -p tcp -j REDIRECT --to-ports 15001",
          "-I PREROUTING 5 -i br1 -p udp --dport 53 -j REDIRECT --to-ports 15053",
          "-I PREROUTING 6 -p tcp -j KUMA_MESH_INBOUND",
        ],
        6: DEFAULT.prerouting,
      },
    },
  ),
  ruleCase(
    "--iptables-logs",
    { logLevel: 7 },
    {
      prerouting: ["-A PREROUTING -j LOG --log-prefix PREROUTING: --log-level 7", ...DEFAULT.prerouting],
      output: ["-I OUTPUT 1 -j LOG --log-prefix OUTPUT: --log-level 7", ...DEFAULT.output],
    },
  ),
  ruleCase(
    "iptables' own log level, which iptables-save leaves out",
    { logLevel: 4 },
    {
      prerouting: ["-A PREROUTING -j LOG --log-prefix PREROUTING: --log-level 4", ...DEFAULT.prerouting],
      output: ["-I OUTPUT 1 -j LOG --log-prefix OUTPUT: --log-level 4", ...DEFAULT.output],
    },
  ),
  ruleCase(
    "--drop-invalid-packets",
    { dropInvalid: true },
    { mangle: ["-A PREROUTING -m conntrack --ctstate INVALID -j DROP"] },
  ),
  ruleCase(
    "--ebpf-tc-attach-iface",
    { tcInterface: "eth0" },
    { prerouting: ["-A PREROUTING -i eth0 -p tcp -j KUMA_MESH_INBOUND"] },
  ),
  ruleCase(
    "--ebpf-instance-ip",
    { instance: ["10.66.0.1", "10.66.0.9"] },
    {
      inbound: {
        4: [
          "-A KUMA_MESH_INBOUND -d 10.66.0.1/32 -p tcp -j KUMA_MESH_INBOUND_REDIRECT",
          "-A KUMA_MESH_INBOUND -d 10.66.0.9/32 -p tcp -j KUMA_MESH_INBOUND_REDIRECT",
        ],
        6: [],
      },
    },
  ),
];
