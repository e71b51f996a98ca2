// What releases of kumactl give to iptables-restore, written from shared/reference/kumactl.md, section 3.

import type { Family } from "../../../src/core/address.ts";

export interface KumactlCase {
  readonly name: string;
  readonly text: (family: Family) => string;
}

const LOCAL = {
  4: {
    passthrough: "127.0.0.6/32",
    localhost: "127.0.0.1/32",
    server: "10.0.0.53",
    network: "172.17.0.0/16",
  },
  6: { passthrough: "::6/128", localhost: "::1/128", server: "fd00::53", network: "fd00:9::/64" },
} as const;

const UID = "-m owner --uid-owner 5678";
const DNS = "-p udp --dport 53";
const TCP_DNS = "-A OUTPUT -p tcp --dport 53 -m owner ! --uid-owner 5678 -j RETURN";

interface Parts {
  readonly raw?: readonly string[];
  readonly prerouting?: readonly string[];
  readonly output?: readonly string[];
  /** Releases with DNS over TCP redirected leave it out of the rules for this host. */
  readonly notDns?: string;
  readonly tcpDns?: readonly string[];
  readonly mangle?: readonly string[];
}

export const KUMACTL_CASES: readonly KumactlCase[] = [
  { name: "2.0 to 2.8, default", text: (family) => write(family, {}) },
  {
    name: "2.0 to 2.8, --redirect-dns",
    text: (family) => {
      const { server } = LOCAL[family];
      return write(family, {
        raw: [
          `-A PREROUTING -d ${server} -p udp --sport 53 -j CT --zone 1`,
          ...ownZones(),
          `-A OUTPUT -d ${server} ${DNS} -j CT --zone 2`,
        ],
        output: [...ownDns(1), `-I OUTPUT 2 -d ${server} ${DNS} -j REDIRECT --to-ports 15053`, JUMP],
        notDns: "! --dport 53",
        tcpDns: [`-A KUMA_MESH_OUTBOUND -d ${server} -p tcp --dport 53 -j REDIRECT --to-ports 15053`],
      });
    },
  },
  {
    name: "2.8, all DNS, users, networks, logs",
    text: (family) =>
      write(family, {
        raw: allZones(),
        prerouting: ["-A PREROUTING -j LOG --log-prefix PREROUTING: --log-level 7", ...networks(family)],
        output: [
          "-I OUTPUT 1 -j LOG --log-prefix OUTPUT: --log-level 7",
          "-I OUTPUT 2 -m multiport -p tcp --dport 53,3000:5000 -m owner --uid-owner 106:108 -j RETURN",
          "-I OUTPUT 3 -p udp --dport 1:65535 -m owner --uid-owner 0 -j RETURN",
          ...ownDns(4),
          `-I OUTPUT 5 ${DNS} -j REDIRECT --to-ports 15053`,
          JUMP,
        ],
        notDns: "! --dport 53",
        tcpDns: ["-A KUMA_MESH_OUTBOUND -p tcp --dport 53 -j REDIRECT --to-ports 15053"],
      }),
  },
  {
    name: "2.14, --disable-comments, --redirect-dns at this host",
    text: (family) => {
      const { localhost } = LOCAL[family];
      return write(family, {
        raw: [
          `-A PREROUTING -s ${localhost} -p udp --sport 53 -j CT --zone 1`,
          ...ownZones(),
          `-A OUTPUT -d ${localhost} ${DNS} -j CT --zone 2`,
          `-A OUTPUT -s ${localhost} -d 127.0.0.1/32 -p udp -j CT --zone 1`,
        ].filter((line) => family === 4 || !line.includes("127.0.0.1")),
        output: [
          ...ownDns(1),
          TCP_DNS,
          `-I OUTPUT 2 -d ${localhost} ${DNS} -j REDIRECT --to-ports 15053`,
          JUMP,
        ],
      });
    },
  },
  {
    name: "2.14, all DNS, users, networks, logs, invalid packets, addresses",
    text: (family) =>
      withComments(
        write(family, {
          raw: allZones(),
          prerouting: ["-A PREROUTING -j LOG --log-prefix PREROUTING: --log-level 7", ...networks(family)],
          output: [
            "-I OUTPUT 1 -j LOG --log-prefix OUTPUT: --log-level 7",
            "-I OUTPUT 2 -m multiport -p tcp --dport 53 -m owner --uid-owner 106 -j RETURN",
            `-I OUTPUT 3 -d ${LOCAL[family].server} -j RETURN`,
            ...ownDns(4),
            TCP_DNS,
            `-I OUTPUT 5 ${DNS} -j REDIRECT --to-ports 15053`,
            JUMP,
          ],
          mangle: ["-A PREROUTING -m conntrack --ctstate INVALID -j DROP"],
        }),
      ),
  },
  { name: "1.8 to 2.1, the engine before", text: writeOld },
];

const JUMP = "-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND";

function write(family: Family, parts: Parts): string {
  const { passthrough, localhost } = LOCAL[family];
  const { notDns = "", tcpDns = [] } = parts;
  const tcp = ["-p tcp", notDns].filter((part) => part !== "").join(" ");
  const nat = [
    ...["INBOUND", "OUTBOUND", "INBOUND_REDIRECT", "OUTBOUND_REDIRECT"].map((name) => `-N KUMA_MESH_${name}`),
    ...(parts.prerouting ?? ["-A PREROUTING -p tcp -j KUMA_MESH_INBOUND"]),
    ...(parts.output ?? [JUMP]),
    "-A KUMA_MESH_INBOUND -p tcp --dport 22 -j RETURN",
    "-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT",
    `-A KUMA_MESH_OUTBOUND -s ${passthrough} -o lo -j RETURN`,
    `-A KUMA_MESH_OUTBOUND ${tcp} -o lo ! -d ${localhost} ${UID} -j KUMA_MESH_INBOUND_REDIRECT`,
    `-A KUMA_MESH_OUTBOUND ${tcp} -o lo -m owner ! --uid-owner 5678 -j RETURN`,
    `-A KUMA_MESH_OUTBOUND ${UID} -j RETURN`,
    ...tcpDns,
    `-A KUMA_MESH_OUTBOUND -d ${localhost} -j RETURN`,
    "-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT",
    "-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
    "-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
  ];
  return tables({ raw: parts.raw ?? [], nat, mangle: parts.mangle ?? [] });
}

function tables(all: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(all)
    .filter(([, lines]) => lines.length > 0)
    .map(([table, lines]) => [`* ${table}`, ...lines, "COMMIT"].join("\n"))
    .join("\n");
}

/** The comment comes first, as kumactl writes it. */
function withComments(text: string): string {
  return text.replace(
    /^(-[AI] \S+ (?:\d+ )?)(.*)$/gm,
    '$1-m comment --comment "kuma/mesh/transparent/proxy/of some kind" $2',
  );
}

function ownDns(place: number): string[] {
  return [`-I OUTPUT ${place} ${DNS} ${UID} -j RETURN`];
}

function ownZones(): string[] {
  return [`-A OUTPUT ${DNS} ${UID} -j CT --zone 1`, `-A OUTPUT -p udp --sport 15053 ${UID} -j CT --zone 2`];
}

function allZones(): string[] {
  return ["-A PREROUTING -p udp --sport 53 -j CT --zone 1", ...ownZones(), `-A OUTPUT ${DNS} -j CT --zone 2`];
}

function networks(family: Family): string[] {
  return [
    "-I PREROUTING 1 -i br+ -m udp -p udp --dport 53 -j REDIRECT --to-ports 15053",
    `-I PREROUTING 2 ! -d ${LOCAL[family].network} -i br+ -p tcp -j REDIRECT --to-ports 15001`,
    "-I PREROUTING 3 -p tcp -j KUMA_MESH_INBOUND",
  ];
}

function writeOld(family: Family): string {
  const { passthrough, localhost, server } = LOCAL[family];
  const owners = ["uid", "gid"].map((kind) => `-m owner --${kind}-owner 5678`);
  const nat = [
    ...["INBOUND", "REDIRECT", "IN_REDIRECT", "OUTPUT"].map((name) => `-N MESH_${name}`),
    ...owners.map((owner, index) => `-I OUTPUT ${index + 1} ${DNS} ${owner} -j RETURN`),
    `-I OUTPUT 3 ${DNS} -d ${server} -j REDIRECT --to-port 15053`,
    "-A MESH_INBOUND -p tcp --dport 15008 -j RETURN",
    "-A MESH_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
    "-A MESH_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
    "-A PREROUTING -p tcp -j MESH_INBOUND",
    "-A MESH_INBOUND -p tcp --dport 22 -j RETURN",
    "-A MESH_INBOUND -p tcp -j MESH_IN_REDIRECT",
    "-A OUTPUT -p tcp -j MESH_OUTPUT",
    `-A MESH_OUTPUT -o lo -s ${passthrough} -j RETURN`,
    ...owners.flatMap((owner) => [
      `-A MESH_OUTPUT -o lo ! -d ${localhost} ${owner} -j MESH_IN_REDIRECT`,
      `-A MESH_OUTPUT ${owner} -j RETURN`,
    ]),
    `-A MESH_OUTPUT -d ${localhost} -j RETURN`,
    "-A MESH_OUTPUT -j MESH_REDIRECT",
  ];
  const zones = owners.flatMap((owner) => [
    `-A OUTPUT ${DNS} ${owner} -j CT --zone 1`,
    `-A OUTPUT -p udp --sport 15053 ${owner} -j CT --zone 2`,
  ]);
  const raw = [
    ...zones,
    `-A OUTPUT ${DNS} -d ${server} -j CT --zone 2`,
    `-A PREROUTING -p udp --sport 53 -d ${server} -j CT --zone 1`,
  ];
  return tables({ raw: family === 4 ? raw : [], nat });
}
