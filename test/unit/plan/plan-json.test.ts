import { expect, test } from "vitest";
import type { Plan } from "../../../src/plan/plan.ts";
import { planFromJson } from "../../../src/plan/plan-from-json.ts";
import { keptPlan, type PlanJson, planToJson } from "../../../src/plan/plan-json.ts";
import { PortSet } from "../../../src/plan/port-set.ts";
import { address, prefix, samplePlan } from "../../support/plan-samples.ts";

const FULL: Plan = {
  ...samplePlan({
    inbound: { include: [80, 81, 82, 443], addresses: ["10.0.0.0/8", "fd00::/16"] },
    outbound: { exclude: [1, 65535], redirect: false },
    users: ["tcp:1-65535:0-4294967294", "udp:53,80-90:1000"],
    dns: "servers",
    servers: ["10.0.0.53", "fd00::53"],
    networks: ["br+:172.17.0.0/16"],
    instance: ["10.0.0.2", "fd00::2"],
    tcInterface: "eth0",
    dropInvalid: true,
    logLevel: 0,
    whenProxyDown: "bypass",
  }),
  proxyUser: { name: "kuma-dp", uid: 5678 },
  interfaces: [{ name: "eth0", index: 2, up: true, loopback: false, addresses: [address("10.0.0.2")] }],
  addresses: [{ prefix: prefix("10.0.0.255"), kind: "broadcast", instance: false }],
};

test.each([
  ["as little as possible", samplePlan()],
  ["everything", FULL],
  ["no cookie", { ...FULL, netns: { inode: 1, cookie: undefined } }],
])("a plan comes back as it was: %s", (_title, plan) => {
  const text = JSON.stringify(planToJson(plan));
  const back = planFromJson(JSON.parse(text) as PlanJson);
  expect(back).toEqual({ ...plan, outbound: expect.anything(), inbound: expect.anything() });
  for (const direction of ["outbound", "inbound"] as const) {
    const { ports, ...rest } = back[direction];
    expect(rest).toEqual({ ...plan[direction], ports: undefined });
    expect(ports.bits()).toEqual(plan[direction].ports.bits());
  }
});

test("a plan that another version kept is none", () => {
  const plan = planToJson(FULL);
  expect(keptPlan({ plan })).toBe(plan);
  expect(keptPlan({ plan: { ...plan, format: 2 } })).toBeUndefined();
  expect(keptPlan({})).toBeUndefined();
  expect(keptPlan(undefined)).toBeUndefined();
});

test("all ports, a hundred thousand ranges and ten thousand rules are small and fast", () => {
  const excludedPorts = Array.from({ length: 65_535 }, (_, index) => index + 1);
  const excludedAddresses = Array.from({ length: 100_000 }, (_, index) =>
    prefix(`10.${index >> 12}.${(index >> 4) & 255}.${(index & 15) << 4}/28`),
  );
  const userExclusions = Array.from({ length: 10_000 }, (_, index) => ({
    protocol: "tcp" as const,
    ports: [{ first: 1, last: 65_535 }],
    uids: [{ first: 2 * index, last: 2 * index }],
  }));
  const sample = samplePlan();
  const ports = PortSet.redirected([], excludedPorts);
  const outbound = { ...sample.outbound, ports, excludedPorts, excludedAddresses };
  const text = JSON.stringify(planToJson({ ...sample, outbound, userExclusions }));
  expect(text.length).toBeLessThan(2.5 * 1024 * 1024);
  const back = planFromJson(JSON.parse(text) as PlanJson);
  expect(back.outbound.excludedPorts).toEqual(excludedPorts);
  expect(back.outbound.excludedAddresses).toEqual(excludedAddresses);
  expect(back.userExclusions).toEqual(userExclusions);
});
