import { describe, expect, test } from "vitest";
import { structCodec } from "../../../src/bpf/layout.ts";
import { RODATA } from "../../../src/bpf/layouts.gen.ts";
import { parsePrefix } from "../../../src/core/address.ts";
import { encodeAddresses4, encodeAddresses6, encodeReadOnlyData } from "../../../src/engine/ebpf/encode.ts";
import { chooseHooks } from "../../../src/engine/ebpf/hooks.ts";
import type { Plan, PlannedAddress } from "../../../src/plan/plan.ts";
import { samplePlan } from "../../support/plan-samples.ts";

function planned(text: string, kind: PlannedAddress["kind"], instance: boolean): PlannedAddress {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(text);
  return { prefix, kind, instance };
}

const FEATURES = {
  getpeername: true,
  lookup: true,
  lookupKnowsIfindex: true,
  sockopsKnowsNetns: true,
  tcx: true,
};

const PLAN: Plan = {
  ...samplePlan({
    uid: 4_294_967_294,
    outbound: { exclude: [22] },
    inbound: { redirect: false, include: [80] },
    instance: [],
  }),
  netns: { inode: 1, cookie: 0x1_0000_0002n },
  ipv6: false,
  tcInterface: { name: "eth0", index: 9, up: true, loopback: false, addresses: [] },
  addresses: [
    planned("10.0.0.2", "local", true),
    planned("10.9.0.0/16", "local", false),
    planned("10.0.0.255", "broadcast", false),
    planned("fd00::2", "local", true),
  ],
};

describe("read-only data", () => {
  const hooks = chooseHooks(PLAN, FEATURES);
  const { tp_config, tp_redirected_ports } = structCodec(RODATA).decode(
    encodeReadOnlyData(PLAN, FEATURES, hooks),
  );

  test("says what the plan says", () => {
    expect(tp_config).toMatchObject({
      netns_cookie: 0x1_0000_0002n,
      proxy_uid: 4_294_967_294,
      inbound_ifindex: 9,
      ports: [15001, 15006],
      redirect: Uint8Array.of(1, 0),
      ipv6: 0,
      all_addresses: 0,
      bypass: 0,
      outbound_included: 0,
      lookup: 1,
      lookup_knows_ifindex: 1,
      // inbound connections are left alone, so no tc program is attached
      tc: 0,
    });
  });

  test("tells included outbound ports from excluded ones", () => {
    const plan = { ...PLAN, outbound: { ...PLAN.outbound, includedPorts: [443], excludedPorts: [] } };
    const encoded = structCodec(RODATA).decode(encodeReadOnlyData(plan, FEATURES, hooks));
    expect(encoded.tp_config).toMatchObject({ outbound_included: 1 });
  });

  test("knows the port where rules of before send what comes from networks", () => {
    const portOf = (before?: number) =>
      structCodec(RODATA).decode(encodeReadOnlyData(PLAN, FEATURES, hooks, before)).tp_config.networks_port;
    expect(portOf()).toBe(15001);
    expect(portOf(16001)).toBe(16001);
  });

  test("says what to do while the proxy is down", () => {
    const plan = samplePlan({ whenProxyDown: "bypass" });
    const encoded = structCodec(RODATA).decode(encodeReadOnlyData(plan, FEATURES, hooks));
    expect(encoded.tp_config).toMatchObject({ bypass: 1 });
  });

  test("says what is excluded, so that the rest costs nothing", () => {
    const plan = samplePlan({
      outbound: { addresses: ["10.0.0.0/8"] },
      inbound: { addresses: ["fd00::/8"] },
      users: ["udp:53:1"],
      dns: "servers",
      servers: ["fd00::1"],
      dnsPort: 25053,
    });
    const encoded = structCodec(RODATA).decode(encodeReadOnlyData(plan, FEATURES, hooks));
    expect(encoded.tp_config).toMatchObject({
      excluded4: Uint8Array.of(1, 0),
      excluded6: Uint8Array.of(0, 1),
      excluded_users: Uint8Array.of(0, 1),
      dns_port: 25053,
      dns4: 0,
      dns6: 1,
    });
  });

  test("has the ports of each direction", () => {
    expect([...(tp_redirected_ports[0]?.bits.subarray(1, 4) ?? [])]).toEqual([0xff, 0xff & ~(1 << 6), 0xff]);
    expect([...(tp_redirected_ports[1]?.bits.subarray(9, 12) ?? [])]).toEqual([0, 1, 0]);
  });
});

test("addresses are prefixes in network byte order with what they are", () => {
  expect(encodeAddresses4(PLAN)).toEqual([
    [{ length: 32, addr: Uint8Array.of(10, 0, 0, 2) }, { kind: 1 | 2 }],
    [{ length: 16, addr: Uint8Array.of(10, 9, 0, 0) }, { kind: 1 }],
    [{ length: 32, addr: Uint8Array.of(10, 0, 0, 255) }, { kind: 4 }],
  ]);
  expect(encodeAddresses6(PLAN).map(([key]) => key.length)).toEqual([128]);
});
