import { expect, test } from "vitest";
import { parseAddress } from "../../../../src/core/address.ts";
import type { Executables } from "../../../../src/engine/iptables/executables.ts";
import type { Present } from "../../../../src/engine/iptables/look.ts";
import { parseSaved } from "../../../../src/engine/iptables/parse-saved.ts";
import { traceInbound } from "../../../../src/engine/iptables/trace-inbound.ts";

const KUMACTL = [
  "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND",
  "-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT",
  "-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006",
];

/** What Docker and Kubernetes write before them. */
const OTHERS = [
  "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
  "-A DOCKER -i docker0 -j RETURN",
  "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
  "-A PREROUTING -j LOG --log-prefix PREROUTING:",
];

function present(mode: Executables["mode"], rules: readonly string[], more = ""): Present {
  const chains = new Set(rules.map((rule) => rule.split(" ")[1]).filter((chain) => chain !== "PREROUTING"));
  const heads = [":PREROUTING ACCEPT [0:0]", ...[...chains].map((chain) => `:${chain} - [0:0]`)];
  const text = [more, "*nat", ...heads, ...rules, "COMMIT", ""].join("\n");
  const paths = { iptables: "/i", save: "/s", restore: "/r" };
  return { executables: { ...paths, family: 4, mode }, snapshot: parseSaved(text), ours: [] };
}

function way(from = "192.0.2.1", to = "10.0.0.1", port = 22) {
  const [source, destination] = [parseAddress(from), parseAddress(to)];
  if (source === undefined || destination === undefined) throw new Error(`no address: ${from}, ${to}`);
  return { from: source, to: destination, port, interface: "eth0" };
}

/** Put before the others of that chain. */
const BEFORE = (rule: string) => [rule, ...KUMACTL];

test.each<[string, readonly string[], number | undefined]>([
  ["no rules", [], undefined],
  ["kumactl's", KUMACTL, 15006],
  ["behind others'", [...OTHERS, ...KUMACTL], 15006],
  ["port 22 excluded", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m tcp --dport 22 -j RETURN"), undefined],
  ["another port excluded", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m tcp --dport 23 -j RETURN"), 15006],
  ["a range excluded", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m tcp --dport 20:25 -j RETURN"), undefined],
  ["several", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m multiport --dports 80,20:22 -j RETURN"), undefined],
  ["several others", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m multiport --dports 80,443 -j RETURN"), 15006],
  ["all but 22", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m tcp ! --dport 22 -j RETURN"), 15006],
  ["by name", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m tcp --dport ssh -j RETURN"), undefined],
  ["its source excluded", BEFORE("-A KUMA_MESH_INBOUND -s 192.0.2.0/24 -j RETURN"), undefined],
  ["another source excluded", BEFORE("-A KUMA_MESH_INBOUND -s 192.0.3.0/24 -j RETURN"), 15006],
  ["accepted before", BEFORE("-A PREROUTING -d 10.0.0.1/32 -p tcp -j ACCEPT"), undefined],
  ["accepted on another interface", BEFORE("-A PREROUTING -i eth1 -j ACCEPT"), 15006],
  ["UDP", BEFORE("-A PREROUTING -p udp -j ACCEPT"), 15006],
  [
    "on a condition that nobody knows",
    BEFORE("-A PREROUTING -m set --match-set admins src -j ACCEPT"),
    undefined,
  ],
  ["limited", BEFORE("-A KUMA_MESH_INBOUND -p tcp -m limit --limit 1/sec -j RETURN"), undefined],
  [
    "what nobody knows of another port",
    BEFORE("-A PREROUTING -p tcp -m tcp --dport 80 -m foo -j ACCEPT"),
    15006,
  ],
  [
    "redirected on a condition that nobody knows",
    ["-A PREROUTING -p tcp -m set --match-set users src -j REDIRECT --to-ports 15006"],
    undefined,
  ],
  ["sent elsewhere", BEFORE("-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.7"), undefined],
  ["gone to a chain", ["-A PREROUTING -g A", "-A A -p udp -j ACCEPT", ...KUMACTL], undefined],
  ["one of several ports", ["-A PREROUTING -p tcp -j REDIRECT --to-ports 15006-15007"], undefined],
  ["where it wanted to go", ["-A PREROUTING -p tcp -j REDIRECT"], undefined],
])("%s", (_, rules, port) => {
  expect(traceInbound([present("nft", rules)], way())).toBe(port);
});

test("the rules of both modes, and of the family alone", () => {
  const other = ["-A PREROUTING -p tcp -j REDIRECT --to-ports 15016"];
  expect(traceInbound([present("nft", KUMACTL), present("legacy", [])], way())).toBe(15006);
  expect(traceInbound([present("nft", KUMACTL), present("legacy", KUMACTL)], way())).toBe(15006);
  expect(traceInbound([present("nft", KUMACTL), present("legacy", other)], way())).toBeUndefined();
  expect(traceInbound([present("nft", KUMACTL)], way("2001:db8::1", "fd00::1"))).toBeUndefined();
  const incompatible = present("nft", [], "# Table `nat' is incompatible, use 'nft' tool.");
  expect(traceInbound([present("legacy", KUMACTL), incompatible], way())).toBeUndefined();
});
