// What is redirected of each direction. The lines are written from shared/reference/kumactl.md, section 3.

import { DEFAULT, type RuleCase, ruleCase } from "./rule-case.ts";

export const DIRECTION_CASES: readonly RuleCase[] = [
  ruleCase("default", {}, {}),
  ruleCase(
    "--redirect-inbound=false",
    { inbound: { redirect: false, exclude: [80], addresses: ["10.0.0.1"] } },
    {
      inbound: ["-A KUMA_MESH_INBOUND -p tcp -j RETURN"],
      // Beside the reference: the proxy's connections to its own host are not redirected then, as with eBPF.
      outbound: [
        ...DEFAULT.local.filter((line) => !line.includes("KUMA_MESH_INBOUND_REDIRECT")),
        ...DEFAULT.remote,
      ],
    },
  ),
  ruleCase(
    "outbound disabled",
    { outbound: { redirect: false, exclude: [80] } },
    { outbound: ["-A KUMA_MESH_OUTBOUND -p tcp -j RETURN"] },
  ),
  ruleCase(
    "--exclude-inbound-ports",
    { inbound: { exclude: [22, 65535] } },
    {
      inbound: [
        "-A KUMA_MESH_INBOUND -p tcp --dport 22 -j RETURN",
        "-A KUMA_MESH_INBOUND -p tcp --dport 65535 -j RETURN",
        ...DEFAULT.inbound,
      ],
    },
  ),
  ruleCase(
    "included inbound ports",
    { inbound: { include: [80, 443] } },
    {
      inbound: [
        "-A KUMA_MESH_INBOUND -p tcp --dport 80 -j KUMA_MESH_INBOUND_REDIRECT",
        "-A KUMA_MESH_INBOUND -p tcp --dport 443 -j KUMA_MESH_INBOUND_REDIRECT",
      ],
    },
  ),
  ruleCase(
    "--exclude-outbound-ports",
    { outbound: { exclude: [1, 5432] } },
    {
      outbound: [
        "-A KUMA_MESH_OUTBOUND -p tcp --dport 1 -j RETURN",
        "-A KUMA_MESH_OUTBOUND -p tcp --dport 5432 -j RETURN",
        ...DEFAULT.local,
        ...DEFAULT.remote,
      ],
    },
  ),
  ruleCase(
    "included outbound ports",
    { outbound: { include: [80, 443] } },
    {
      outbound: [
        ...DEFAULT.local,
        "-A KUMA_MESH_OUTBOUND -p tcp --dport 80 -j KUMA_MESH_OUTBOUND_REDIRECT",
        "-A KUMA_MESH_OUTBOUND -p tcp --dport 443 -j KUMA_MESH_OUTBOUND_REDIRECT",
      ],
    },
  ),
  ruleCase(
    "--redirect-inbound-port, --redirect-outbound-port",
    { inbound: { port: 1 }, outbound: { port: 65535 } },
    { redirectPorts: { inbound: 1, outbound: 65535 } },
  ),
  ruleCase(
    "--exclude-inbound-ips",
    { inbound: { addresses: ["10.0.0.7", "fd00:7::/32", "192.168.0.0/16", "0.0.0.0/0"] } },
    {
      inbound: {
        4: [
          "-A KUMA_MESH_INBOUND -s 10.0.0.7/32 -j RETURN",
          "-A KUMA_MESH_INBOUND -s 192.168.0.0/16 -j RETURN",
          "-A KUMA_MESH_INBOUND -s 0.0.0.0/0 -j RETURN",
          ...DEFAULT.inbound,
        ],
        6: ["-A KUMA_MESH_INBOUND -s fd00:7::/32 -j RETURN", ...DEFAULT.inbound],
      },
    },
  ),
  ruleCase(
    "--exclude-outbound-ips",
    { outbound: { addresses: ["fd00:7::1", "10.1.2.3/8", "::ffff:1.2.3.4", "::/0"] } },
    {
      output: {
        4: ["-I OUTPUT 1 -d 10.1.2.3/8 -j RETURN", ...DEFAULT.output],
        6: [
          "-I OUTPUT 1 -d fd00:7::1/128 -j RETURN",
          "-I OUTPUT 2 -d ::ffff:1.2.3.4/128 -j RETURN",
          "-I OUTPUT 3 -d ::/0 -j RETURN",
          ...DEFAULT.output,
        ],
      },
    },
  ),
  ruleCase(
    "the redirection is inserted",
    {},
    {
      prerouting: ["-I PREROUTING 1 -p tcp -j KUMA_MESH_INBOUND"],
      output: ["-I OUTPUT 1 -p tcp -j KUMA_MESH_OUTBOUND"],
    },
    { insertInbound: true, insertOutbound: true },
  ),
];
