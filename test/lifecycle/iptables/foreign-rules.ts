// Rules of others: in all tables, with chains, comments and counters of their own. No packet of a world meets one: they
// are about the addresses that documentation has, so their counters stay what they were set to.

import type { Family } from "../../../src/core/address.ts";

const SOURCE = { 4: "192.0.2.", 6: "2001:db8::" } as const;
const DOCKER_DNS = "127.0.0.11/32";

/** Chains that the tables have (iptables(8)); ours are in some of them. */
const CHAINS = {
  raw: ["PREROUTING", "OUTPUT"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  security: ["INPUT", "FORWARD", "OUTPUT"],
} as const;

/** Not nat's: it is no place for DROP. */
const POLICIES = {
  raw: "",
  mangle: ":FORWARD DROP [0:0]",
  nat: "",
  filter: ":FORWARD DROP [0:0]",
  security: "",
};

const PER_TABLE = 36;

/** Ways to write a rule, in turns. What they mean is of no importance. */
const SPECS = [
  "-j RETURN",
  "-p tcp -m tcp --dport 53 -j RETURN",
  '-m comment --comment "it is \\"theirs\\", \\\\ and has  blanks" -j RETURN',
  "-p udp -m udp --dport 53 -j OTHERS",
  "-m comment --comment kuma/mesh -j OTHERS",
  "-p tcp -m multiport --dports 1:1024,15001,15006 -m limit --limit 5/min -j RETURN",
  '-m comment --comment "-j KUMA_MESH_INBOUND" -g OTHERS',
  '-p tcp -m tcp ! --dport 15001 -m comment --comment "not kuma/mesh/transparent/proxy/" -j RETURN',
];

/** More than 200 rules of others in a family, for `iptables-restore --counters`. */
export function foreignText(family: Family): string {
  return Object.entries(CHAINS)
    .map(([table, chains], at) => {
      const rules = Array.from({ length: PER_TABLE }, (_, index) => {
        const chain = chains[index % chains.length];
        const spec = SPECS[index % SPECS.length];
        return `${counters(at * 100 + index)} -A ${chain} -s ${SOURCE[family]}${index + 1} ${spec}`;
      });
      const own = Array.from(
        { length: 5 },
        (_, index) => `${counters(index)} -A OTHERS -d ${SOURCE[family]}${index + 1} -j RETURN`,
      );
      const policy = POLICIES[table as keyof typeof POLICIES];
      const docker = table === "nat" && family === 4 ? DOCKER : [];
      return [`*${table}`, policy, ":OTHERS - [0:0]", ...rules, ...own, ...docker, "COMMIT"]
        .filter((line) => line !== "")
        .join("\n");
    })
    .join("\n");
}

/** For `nft`: ip6tables-nft 1.8.9 takes counters and forgets them. */
export function foreignNftText(): string {
  return Object.entries(CHAINS)
    .flatMap(([table, chains], at) =>
      chains.map((chain, index) => {
        const counter = `counter packets ${at + index + 1} bytes ${(at + index) * 100 + 60}`;
        return `add rule ip6 ${table} ${chain} ip6 saddr ${SOURCE[6]}${at}:${index + 1} ${counter} return`;
      }),
    )
    .join("\n");
}

/** As Docker writes them into a container's namespace, for its own name server. */
const DOCKER = [
  ":DOCKER_OUTPUT - [0:0]",
  ":DOCKER_POSTROUTING - [0:0]",
  `[3:180] -A OUTPUT -d ${DOCKER_DNS} -j DOCKER_OUTPUT`,
  `[4:240] -A POSTROUTING -d ${DOCKER_DNS} -j DOCKER_POSTROUTING`,
  `[5:300] -A DOCKER_OUTPUT -d ${DOCKER_DNS} -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:38767`,
  `[6:360] -A DOCKER_OUTPUT -d ${DOCKER_DNS} -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:57283`,
  `[7:420] -A DOCKER_POSTROUTING -s ${DOCKER_DNS} -p tcp -m tcp --sport 38767 -j SNAT --to-source :53`,
  `[8:480] -A DOCKER_POSTROUTING -s ${DOCKER_DNS} -p udp -m udp --sport 57283 -j SNAT --to-source :53`,
];

function counters(number: number): string {
  return `[${number * 7 + 17}:${number * 131 + 1234}]`;
}

/** What is somebody else's of `iptables-save -c`: by its addresses; chains by their names. */
export function theirs(lines: readonly string[]): string[] {
  return lines.filter((line) => !/^(:|\[.*\] -A )/.test(line) || isTheirs(line));
}

function isTheirs(line: string): boolean {
  if (line.startsWith(":")) return !line.startsWith(":KUMA_MESH_");
  return line.includes(SOURCE[4]) || line.includes(SOURCE[6]) || line.includes(DOCKER_DNS);
}
