import { expect, test } from "vitest";
import { areBesidePrograms, planOfNetworks } from "../../../../src/engine/iptables/beside-programs.ts";
import type { Present } from "../../../../src/engine/iptables/look.ts";
import { findOurs } from "../../../../src/engine/iptables/ownership.ts";
import { parseSaved } from "../../../../src/engine/iptables/parse-saved.ts";
import type { IptablesRecord } from "../../../../src/engine/iptables/record.ts";
import { decide } from "../../../../src/plan/decide.ts";
import { address, samplePlan } from "../../../support/plan-samples.ts";

const COMMENT = '-m comment --comment "kuma/mesh/transparent/proxy/x"';
const NETWORK = `-A PREROUTING -i br+ -p tcp ${COMMENT} -j REDIRECT --to-ports 15001`;
const KEEPER = ["-N KUMA_MESH_CONNTRACK", "-A KUMA_MESH_CONNTRACK -p tcp -j REDIRECT --to-ports 15001"];
const INBOUND = ["-N KUMA_MESH_INBOUND", "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND"];
const IN_OUTPUT = `-A OUTPUT -p udp ${COMMENT} -j REDIRECT --to-ports 15053`;

function present(lines: readonly string[]): Present {
  const chains = lines.flatMap((line) => (line.startsWith("-N ") ? [`:${line.slice(3)} - [0:0]`] : []));
  const rules = lines.filter((line) => line.startsWith("-A "));
  const builtIn = [":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"];
  const snapshot = parseSaved(["*nat", ...builtIn, ...chains, ...rules, "COMMIT", ""].join("\n"));
  const executables = { family: 4, mode: "nft", iptables: "", save: "", restore: "" } as const;
  return { executables, snapshot, ours: findOurs(snapshot, []) };
}

type Known = Pick<IptablesRecord, "beside" | "unfinished"> | undefined;
const BESIDE: Known = { beside: "ebpf", unfinished: false };
const ALONE: Known = { unfinished: false };

test.each<[string, readonly string[], Known, boolean]>([
  ["rules of networks", [NETWORK], BESIDE, true],
  ["and what keeps connections", [NETWORK, ...KEEPER], BESIDE, true],
  ["nothing written down", [NETWORK], undefined, true],
  ["another installation", [NETWORK, ...INBOUND], undefined, false],
  ["another one over it", [NETWORK, ...INBOUND], BESIDE, false],
  ["in another chain", [NETWORK, IN_OUTPUT], undefined, false],
  ["what somebody left of another installation", [NETWORK], ALONE, false],
  ["on the way to another installation", [NETWORK], { unfinished: true }, true],
  [
    "on the way from another installation",
    [NETWORK, ...INBOUND],
    { beside: "ebpf", unfinished: true },
    false,
  ],
])("%s", (_title, lines, record, expected) => {
  expect(areBesidePrograms([present(lines)], record)).toBe(expected);
});

test("where all rules are gone, the record tells", () => {
  expect(areBesidePrograms([], BESIDE)).toBe(true);
  expect(areBesidePrograms([], ALONE)).toBe(false);
  expect(areBesidePrograms([], undefined)).toBe(false);
});

test("their plan does what the rules alone do", () => {
  const plan = planOfNetworks(
    samplePlan({ networks: ["br+:10.1.0.0/16"], dns: "all", dropInvalid: true, logLevel: 7 }),
  );
  const to = address("10.2.0.1");
  const inbound = {
    kind: "inbound",
    from: address("10.1.0.1"),
    to,
    port: 80,
    forwarded: "untouched",
  } as const;
  expect(decide(plan, { ...inbound, interface: "br0" })).toMatchObject({
    result: "outbound",
    rule: "virtual-network",
  });
  expect(decide(plan, { ...inbound, interface: "eth0" })).toMatchObject({ result: "untouched" });
  expect(decide(plan, { kind: "outbound", uid: 1, from: undefined, to, port: 80 })).toMatchObject({
    result: "untouched",
  });
  expect(plan).toMatchObject({
    ipv6: false,
    passthroughAddress: "unwanted",
    dropInvalid: false,
    logLevel: undefined,
  });
});
