import { describe, expect, test } from "vitest";
import type { Features } from "../../../src/engine/ebpf/features.ts";
import { chooseHooks, hookKey, isAnswering } from "../../../src/engine/ebpf/hooks.ts";
import { chooseMaps } from "../../../src/engine/ebpf/maps.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { samplePlan } from "../../support/plan-samples.ts";

const NEW: Features = {
  getpeername: true,
  lookup: true,
  lookupKnowsIfindex: true,
  sockopsKnowsNetns: true,
  tcx: true,
};

const ETH0 = { name: "eth0", index: 2, up: true, loopback: false, addresses: [] };
const ETH1 = { name: "eth1", index: 3, up: true, loopback: false, addresses: [] };

const PLAN: Plan = { ...samplePlan(), interfaces: [ETH0, ETH1] };

function keys(plan: Partial<Plan>, features: Partial<Features> = {}): string[] {
  return chooseHooks({ ...PLAN, ...plan }, { ...NEW, ...features }).map(hookKey);
}

const tcKeys = (all: readonly string[]) => all.filter((key) => key.startsWith("tc_"));

describe("inbound", () => {
  test("is sk_lookup alone where there is sk_lookup", () => {
    expect(keys({})).toContain("netns_lookup");
    expect(tcKeys(keys({}))).toEqual([]);
  });

  test("is tc on the interface that was named, with sk_lookup behind it", () => {
    expect(keys({ tcInterface: ETH1 })).toContain("netns_lookup");
    expect(tcKeys(keys({ tcInterface: ETH1 }))).toEqual(["tc_ingress_3"]);
  });

  test("is tc on all interfaces where sk_lookup is missing", () => {
    expect(keys({}, { lookup: false })).not.toContain("netns_lookup");
    expect(tcKeys(keys({}, { lookup: false }))).toEqual(["tc_ingress_2", "tc_ingress_3"]);
  });

  test("has no tc where inbound connections are left alone", () => {
    const inbound = { ...PLAN.inbound, redirect: false };
    expect(tcKeys(keys({ inbound, tcInterface: ETH0 }, { lookup: false }))).toEqual([]);
  });
});

test("both connect hooks are always there, and getpeername where the kernel has it", () => {
  expect(keys({ ipv6: false })).toEqual(expect.arrayContaining(["cgroup_connect4", "cgroup_connect6"]));
  expect(keys({})).toContain("cgroup_getpeername6");
  expect(keys({}, { getpeername: false })).not.toContain("cgroup_getpeername4");
});

describe("sendmsg and recvmsg", () => {
  const DNS = ["cgroup_recvmsg4", "cgroup_recvmsg6", "cgroup_sendmsg4", "cgroup_sendmsg6"];
  const ofDns = (all: readonly string[]) => all.filter((key) => key.includes("msg"));

  test.each([
    { dns: "none", servers: [], hooks: [] },
    { dns: "all", servers: [], hooks: DNS },
    { dns: "servers", servers: ["10.0.0.1"], hooks: DNS },
    { dns: "servers", servers: [], hooks: [] },
  ] as const)("are there where queries are redirected: $dns of $servers", ({ dns, servers, hooks }) => {
    expect(ofDns(keys(samplePlan({ dns, servers })))).toEqual(hooks);
  });
});

test("maps that only DNS needs, or tc before sk_lookup, are left out without", () => {
  const maps = (dns: "none" | "all", tc: object = {}) =>
    chooseMaps(chooseHooks({ ...samplePlan({ dns }), ...tc }, NEW));
  expect(maps("none").omitted).toEqual(["tp_dns_answers", "tp_syns"]);
  expect(maps("none").needed).not.toContain("tp_dns_answers");
  expect(maps("all").omitted).toEqual(["tp_syns"]);
  expect(maps("all").needed).toContain("tp_dns_answers");
  expect(maps("all", { tcInterface: ETH0 }).omitted).toEqual([]);
});

test("what answers stands before what redirects", () => {
  const hooks = chooseHooks({ ...samplePlan({ dns: "all" }), tcInterface: ETH0 }, NEW);
  const firstRedirecting = hooks.findIndex((hook) => !isAnswering(hook));
  expect(hooks.slice(firstRedirecting).some(isAnswering)).toBe(false);
  expect(firstRedirecting).toBeGreaterThan(0);
});
