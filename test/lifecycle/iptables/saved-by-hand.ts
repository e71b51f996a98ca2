// What iptables-save 1.8 writes for some of the cases, by hand. All of them have rules in the table nat alone.

interface SavedByHand {
  /** Of one of the rule cases. */
  readonly name: string;
  readonly saved: { readonly 4: readonly string[]; readonly 6: readonly string[] };
}

const REDIRECTS = [
  "-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
  "-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
];

const OUTBOUND4 = [
  "-A KUMA_MESH_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN",
  "-A KUMA_MESH_OUTBOUND ! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 5678 -j KUMA_MESH_INBOUND_REDIRECT",
  "-A KUMA_MESH_OUTBOUND -o lo -p tcp -m owner ! --uid-owner 5678 -j RETURN",
  "-A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN",
  "-A KUMA_MESH_OUTBOUND -d 127.0.0.1/32 -j RETURN",
];

const OUTBOUND6 = [
  "-A KUMA_MESH_OUTBOUND -s ::6/128 -o lo -j RETURN",
  "-A KUMA_MESH_OUTBOUND ! -d ::1/128 -o lo -p tcp -m owner --uid-owner 5678 -j KUMA_MESH_INBOUND_REDIRECT",
  "-A KUMA_MESH_OUTBOUND -o lo -p tcp -m owner ! --uid-owner 5678 -j RETURN",
  "-A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN",
  "-A KUMA_MESH_OUTBOUND -d ::1/128 -j RETURN",
];

const TO_OUTBOUND = "-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT";
const DEFAULT4 = [...OUTBOUND4, TO_OUTBOUND, ...REDIRECTS];
const DEFAULT6 = [...OUTBOUND6, TO_OUTBOUND, ...REDIRECTS];
const INBOUND = "-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT";
const JUMPS = ["-A PREROUTING -p tcp -j KUMA_MESH_INBOUND", "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND"];

const OWN_DNS = "-p udp -m udp --dport 53 -m owner --uid-owner 5678";
const TCP_DNS = "-A OUTPUT -p tcp -m tcp --dport 53 -m owner ! --uid-owner 5678 -j RETURN";

export const SAVED_BY_HAND: readonly SavedByHand[] = [
  {
    name: "default",
    saved: { 4: [...JUMPS, INBOUND, ...DEFAULT4], 6: [...JUMPS, INBOUND, ...DEFAULT6] },
  },
  {
    name: "--exclude-outbound-ports-for-uids",
    saved: both([
      "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND",
      "-A OUTPUT -p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 106-108 -j RETURN",
      "-A OUTPUT -p tcp -m multiport --dports 53,3000:5000 -m owner --uid-owner 4294967294 -j RETURN",
      "-A OUTPUT -p udp -m multiport --dports 1:65535 -m owner --uid-owner 0 -j RETURN",
      "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
      INBOUND,
    ]),
  },
  {
    name: "--redirect-dns",
    saved: {
      4: [
        "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND",
        `-A OUTPUT ${OWN_DNS} -j RETURN`,
        "-A OUTPUT -d 10.0.0.53/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        "-A OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        TCP_DNS,
        "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
        INBOUND,
        ...DEFAULT4,
      ],
      6: [
        "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND",
        `-A OUTPUT ${OWN_DNS} -j RETURN`,
        "-A OUTPUT -d fd00::53/128 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        "-A OUTPUT -d ::1/128 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        TCP_DNS,
        "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
        INBOUND,
        ...DEFAULT6,
      ],
    },
  },
  {
    name: "--iptables-logs",
    saved: both([
      '-A PREROUTING -j LOG --log-prefix "PREROUTING:" --log-level 7',
      "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND",
      '-A OUTPUT -j LOG --log-prefix "OUTPUT:" --log-level 7',
      "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND",
      INBOUND,
    ]),
  },
  {
    name: "--vnet",
    saved: {
      4: [
        "-A PREROUTING -i br+ -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        "-A PREROUTING ! -d 172.17.0.0/16 -i br+ -p tcp -j REDIRECT --to-ports 15001",
        ...JUMPS,
        INBOUND,
        ...DEFAULT4,
      ],
      6: [
        "-A PREROUTING -i veth1 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        "-A PREROUTING ! -d fd00:9::/64 -i veth1 -p tcp -j REDIRECT --to-ports 15001",
        ...JUMPS,
        INBOUND,
        ...DEFAULT6,
      ],
    },
  },
  {
    name: "--exclude-inbound-ips",
    saved: {
      4: [
        ...JUMPS,
        "-A KUMA_MESH_INBOUND -s 10.0.0.7/32 -j RETURN",
        "-A KUMA_MESH_INBOUND -s 192.168.0.0/16 -j RETURN",
        "-A KUMA_MESH_INBOUND -j RETURN",
        INBOUND,
        ...DEFAULT4,
      ],
      6: [...JUMPS, "-A KUMA_MESH_INBOUND -s fd00:7::/32 -j RETURN", INBOUND, ...DEFAULT6],
    },
  },
  {
    name: "a gateway",
    saved: { 4: gateway("127.0.0.6/32", "127.0.0.1/32"), 6: gateway("::6/128", "::1/128") },
  },
];

function both(lines: readonly string[]): SavedByHand["saved"] {
  return { 4: [...lines, ...DEFAULT4], 6: [...lines, ...DEFAULT6] };
}

function gateway(passthrough: string, localhost: string): string[] {
  return [
    ...JUMPS,
    "-A KUMA_MESH_INBOUND -p tcp -j RETURN",
    "-A KUMA_MESH_OUTBOUND -p tcp -m tcp --dport 22 -j RETURN",
    "-A KUMA_MESH_OUTBOUND -p tcp -m tcp --dport 53 -j RETURN",
    `-A KUMA_MESH_OUTBOUND -s ${passthrough} -o lo -j RETURN`,
    "-A KUMA_MESH_OUTBOUND -o lo -p tcp -m owner ! --uid-owner 4294967294 -j RETURN",
    "-A KUMA_MESH_OUTBOUND -m owner --uid-owner 4294967294 -j RETURN",
    `-A KUMA_MESH_OUTBOUND -d ${localhost} -j RETURN`,
    TO_OUTBOUND,
    "-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
    "-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 25001",
  ];
}
