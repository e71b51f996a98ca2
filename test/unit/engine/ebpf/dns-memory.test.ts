import { expect, test } from "vitest";
import { redirectionsOf, redirectsSameDns } from "../../../../src/engine/ebpf/dns-memory.ts";
import { planToJson } from "../../../../src/plan/plan-json.ts";
import { samplePlan, type Wanted } from "../../../support/plan-samples.ts";

const CGROUP = "/sys/fs/cgroup/app";

function record(wanted: Wanted, cgroupPath = CGROUP, format = 1) {
  return { plan: { ...planToJson(samplePlan(wanted)), format }, cgroupPath };
}

const ALL = { dns: "all", dnsPort: 15053 } as const;

test.each([
  ["none by whom no plan is written down", [{ cgroupPath: CGROUP }], []],
  ["none by whom this version cannot read", [record(ALL, CGROUP, 2)], []],
  ["none where it was not asked for", [record({ dns: "none" })], []],
  [
    "each to its own port, from its own cgroup",
    [record(ALL), record({ dns: "servers", servers: ["10.0.0.53"], dnsPort: 53 }, "/b")],
    [
      { port: 15053, cgroup: CGROUP },
      { port: 53, cgroup: "/b" },
    ],
  ],
])("sockets are redirected: %s", (_title, records, expected) => {
  expect(redirectionsOf(records)).toEqual(expected);
});

test.each<[string, boolean, Wanted, string?]>([
  ["nothing", true, ALL],
  ["what has nothing to do with queries", true, { ...ALL, dropInvalid: true, inbound: { exclude: [22] } }],
  ["the port", false, { ...ALL, dnsPort: 25053 }],
  ["which servers", false, { ...ALL, dns: "servers", servers: ["10.0.0.53"] }],
  ["the users that are left alone", false, { ...ALL, users: ["udp:53:1000"] }],
  ["the destinations that are left alone", false, { ...ALL, outbound: { addresses: ["10.0.0.0/8"] } }],
  ["the proxy's user", false, { ...ALL, uid: 1 }],
  ["what becomes of queries without the proxy", false, { ...ALL, whenProxyDown: "bypass" }],
  ["the cgroup", false, ALL, "/b"],
])("changed: %s; the same queries are redirected: %s", (_title, expected, wanted, cgroup = CGROUP) => {
  expect(redirectsSameDns(record(ALL), record(wanted, cgroup))).toBe(expected);
});

test("IPv6 that is left alone changes which queries are redirected", () => {
  const without = planToJson({ ...samplePlan(ALL), ipv6: false });
  expect(redirectsSameDns(record(ALL), { plan: without, cgroupPath: CGROUP })).toBe(false);
});

test("who wrote down no plan may have done otherwise", () => {
  expect(redirectsSameDns({ cgroupPath: CGROUP }, { cgroupPath: CGROUP })).toBe(false);
});
