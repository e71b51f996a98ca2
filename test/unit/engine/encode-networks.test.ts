import { describe, expect, test } from "vitest";
import { TP_NETWORK, TP_NETWORK_KIND } from "../../../src/bpf/layouts.gen.ts";
import { encodeNetworks } from "../../../src/engine/ebpf/encode-networks.ts";
import { decide } from "../../../src/plan/decide.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { address, samplePlan } from "../../support/plan-samples.ts";

const INTERFACES = { eth0: 2, eth1: 3, br0: 70_000 } as const;
type InterfaceName = keyof typeof INTERFACES;

function planWith(networks: readonly string[], ipv6 = true): Plan {
  const interfaces = Object.entries(INTERFACES).map(([name, index]) => ({
    name,
    index,
    up: true,
    loopback: false,
    addresses: [],
  }));
  return { ...samplePlan({ networks }), ipv6, interfaces };
}

/** As the kernel's trie does: the longest prefix that holds the key; of equal keys the last one that was put there. */
function look(plan: Plan, index: number, text: string): string | undefined {
  const { family, bytes } = address(text);
  const key = Buffer.alloc(TP_NETWORK.size);
  key.writeUInt32LE(index, TP_NETWORK.fields.ifindex.offset);
  if (family === 4) key.fill(0xff, 18, 20);
  key.set(bytes, key.length - bytes.length);
  const bits = (buffer: Uint8Array) =>
    [...buffer.subarray(4)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const holding = encodeNetworks(plan).filter(([prefix]) => {
    const length = Buffer.from(prefix).readUInt32LE(0);
    return bits(prefix).slice(0, length) === bits(key).slice(0, length);
  });
  const longest = holding
    .toSorted(([a], [b]) => Buffer.from(a).readUInt32LE(0) - Buffer.from(b).readUInt32LE(0))
    .at(-1);
  const value = longest === undefined ? undefined : Buffer.from(longest[1]).readUInt32LE(0);
  return Object.entries(TP_NETWORK_KIND).find(([, kind]) => kind === value)?.[0];
}

const [NONE, WITHIN, ELSEWHERE] = ["TP_NETWORK_NONE", "TP_NETWORK_WITHIN", "TP_NETWORK_ELSEWHERE"];

test("without virtual networks there is nothing", () => {
  expect(encodeNetworks(planWith([]))).toEqual([]);
});

describe("what rules do with what arrives on an interface", () => {
  test.each<[string[], InterfaceName, string, string | undefined]>([
    [["br+:10.1.0.0/16"], "br0", "10.1.2.3", WITHIN],
    [["br+:10.1.0.0/16"], "br0", "10.2.0.1", ELSEWHERE],
    [["br+:10.1.0.0/16"], "br0", "fd00::1", NONE],
    [["br+:10.1.0.0/16"], "eth0", "10.2.0.1", NONE],
    [["br+:fd00:1::/64"], "br0", "fd00:1::9", WITHIN],
    [["br+:fd00:1::/64"], "br0", "fd00:2::9", ELSEWHERE],
    [["br0:0.0.0.0/0"], "br0", "10.2.0.1", WITHIN],
    // Several of one interface: none of them is elsewhere.
    [["eth1:10.1.0.0/16", "eth1:10.2.0.0/16"], "eth1", "10.2.0.1", WITHIN],
    [["eth1:10.1.0.0/16", "eth1:10.2.0.0/16"], "eth1", "10.3.0.1", ELSEWHERE],
    // Two patterns for one interface: each has its rules.
    [["eth+:10.0.0.0/8", "eth1:10.1.0.0/16"], "eth1", "10.1.0.1", WITHIN],
    [["eth+:10.0.0.0/8", "eth1:10.1.0.0/16"], "eth1", "10.2.0.1", ELSEWHERE],
    [["eth+:10.0.0.0/8", "eth1:10.1.0.0/16"], "eth0", "10.2.0.1", WITHIN],
    [["eth+:10.1.0.0/16", "eth1:10.2.0.0/16"], "eth1", "10.1.0.1", ELSEWHERE],
  ])("%j, %s, %s: %s", (networks, name, to, expected) => {
    const plan = planWith(networks);
    expect(look(plan, INTERFACES[name], to)).toBe(expected);
    // It is what explain says.
    const { rule } = decide(plan, {
      ...{
        kind: "inbound",
        from: address(to.includes(":") ? "fd99::1" : "10.99.0.1"),
        to: address(to),
        port: 80,
      },
      ...{ interface: name, forwarded: "untouched" },
    });
    expect(rule === "virtual-network").toBe(expected === ELSEWHERE);
  });
});

test("an interface that nobody knows yet is not there", () => {
  expect(look(planWith(["br+:10.1.0.0/16"]), 99, "10.1.0.1")).toBeUndefined();
});

test("IPv6 that is left alone has no entries", () => {
  expect(look(planWith(["br+:fd00:1::/64"], false), INTERFACES.br0, "fd00:2::9")).toBeUndefined();
});
