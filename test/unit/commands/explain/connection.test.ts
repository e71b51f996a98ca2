import { describe, expect, test } from "vitest";
import { toConnection } from "../../../../src/commands/explain/connection.ts";
import { formatAddress } from "../../../../src/core/address.ts";
import type { Plan } from "../../../../src/plan/plan.ts";
import { address, samplePlan, type Wanted } from "../../../support/plan-samples.ts";

const ETH0 = networkInterface("eth0", 2, "10.0.0.2", "fd00::2");
const ETH1 = networkInterface("eth1", 3, "10.1.0.2");

function networkInterface(name: string, index: number, ...addresses: string[]): Plan["interfaces"][number] {
  return { name, index, up: true, loopback: false, addresses: addresses.map(address) };
}

function inbound(from: string, to: string | undefined, name: string | undefined, wanted: Wanted = {}) {
  const plan = { ...samplePlan(wanted), interfaces: [ETH0, ETH1] };
  const question = {
    kind: "inbound",
    from: address(from),
    to: to === undefined ? undefined : address(to),
  } as const;
  const connection = toConnection({ ...question, port: 80, interface: name }, { plan, engine: "ebpf" });
  if (connection.kind !== "inbound") throw new Error(connection.kind);
  return `${formatAddress(connection.to)} ${connection.interface} ${connection.forwarded}`;
}

describe("what the question leaves open inbound", () => {
  test.each([
    ["10.9.9.9", undefined, undefined, {}, "10.0.0.2 eth0"],
    ["fd99::9", undefined, undefined, {}, "fd00::2 eth0"],
    ["::ffff:10.9.9.9", undefined, undefined, {}, "10.0.0.2 eth0"],
    ["10.9.9.9", "10.1.0.2", undefined, {}, "10.1.0.2 eth1"],
    ["10.9.9.9", "10.1.0.2", "eth0", {}, "10.1.0.2 eth0"],
    ["10.9.9.9", undefined, "eth1", {}, "10.1.0.2 eth1"],
    ["10.9.9.9", undefined, undefined, { instance: ["10.1.0.2"] }, "10.1.0.2 eth1"],
    ["10.9.9.9", "10.5.5.5", undefined, { tcInterface: "eth1" }, "10.5.5.5 eth1"],
  ])("%s > %s on %s, %j: %s", (from, to, name, wanted, expected) => {
    expect(inbound(from, to, name, wanted)).toBe(`${expected} untouched`);
  });

  test("no address of the family", () => {
    expect(() => inbound("fd99::9", undefined, "eth1")).toThrow("--to: eth1 has no IPv6 address");
  });
  test("an address of no interface", () => {
    expect(() => inbound("10.9.9.9", "10.5.5.5", undefined)).toThrow("--iface: ");
  });
});

describe("a user", () => {
  const asBasis = { plan: samplePlan(), engine: "iptables" } as const;
  const question = { kind: "dns", to: address("1.1.1.1"), port: 53 } as const;

  test.each([
    ["1000", 1000],
    ["0", 0],
    ["4294967294", 4_294_967_294],
    ["root", 0],
  ])("%s is %i", (user, uid) => {
    expect(toConnection({ ...question, user }, asBasis)).toEqual({ ...question, uid });
  });
  test.each(["4294967295", "no such user", "-1"])("%s is none", (user) => {
    expect(() => toConnection({ ...question, user }, asBasis)).toThrow(`--uid: there is no user "${user}"`);
  });
});
