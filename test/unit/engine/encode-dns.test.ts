import { expect, test } from "vitest";
import { TP_DNS } from "../../../src/bpf/layouts.gen.ts";
import { encodeDnsMode, encodeServers, redirectsDns } from "../../../src/engine/ebpf/encode-dns.ts";
import { samplePlan } from "../../support/plan-samples.ts";

const { TP_DNS_NONE: NONE, TP_DNS_SERVERS: SERVERS, TP_DNS_ALL: ALL } = TP_DNS;

test.each([
  { dns: "none", servers: [], modes: [NONE, NONE] },
  { dns: "all", servers: [], modes: [ALL, ALL] },
  { dns: "all", servers: [], ipv6: false, modes: [ALL, NONE] },
  { dns: "servers", servers: ["10.0.0.1", "fd00::1"], modes: [SERVERS, SERVERS] },
  { dns: "servers", servers: ["10.0.0.1", "fd00::1"], ipv6: false, modes: [SERVERS, NONE] },
  { dns: "servers", servers: ["10.0.0.1"], modes: [SERVERS, NONE] },
  { dns: "servers", servers: ["fd00::1"], modes: [NONE, SERVERS] },
  { dns: "servers", servers: [], modes: [NONE, NONE] },
] as const)("$dns of $servers, IPv6 $ipv6: $modes", ({ dns, servers, modes, ...rest }) => {
  const plan = { ...samplePlan({ dns, servers }), ...rest };
  expect([encodeDnsMode(plan, 4), encodeDnsMode(plan, 6)]).toEqual(modes);
  expect(redirectsDns(plan)).toBe(modes.some((mode) => mode !== NONE));
});

test("name servers are keys of 16 bytes, IPv4 v4-mapped, each once", () => {
  const keys = encodeServers(samplePlan({ dns: "servers", servers: ["10.0.0.1", "fd00::1", "10.0.0.1"] }));
  expect(keys.map((key) => Buffer.from(key).toString("hex"))).toEqual([
    "00000000000000000000ffff0a000001",
    "fd000000000000000000000000000001",
  ]);
});
