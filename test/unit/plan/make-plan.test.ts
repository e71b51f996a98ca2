import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import {
  type Address,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
} from "../../../src/core/address.ts";
import { ConfigError, TproxyError } from "../../../src/core/errors.ts";
import type { HostFacts, InterfaceFact, LocalRouteFact } from "../../../src/core/facts.ts";
import { makePlan } from "../../../src/plan/make-plan.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function route(text: string, kind: LocalRouteFact["kind"] = "local"): LocalRouteFact {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(text);
  return { prefix, kind };
}

function networkInterface(
  name: string,
  index: number,
  addresses: readonly string[],
  up = true,
): InterfaceFact {
  return { name, index, up, loopback: name === "lo", addresses: addresses.map(address) };
}

const LO = networkInterface("lo", 1, ["127.0.0.1", "::1"]);
const ETH0 = networkInterface("eth0", 2, ["10.0.0.2", "fd00::2"]);
const DOWN = networkInterface("eth1", 3, [], false);

const FACTS: HostFacts = {
  kernelRelease: "6.18.0",
  netns: { inode: 4026531840, cookie: 7n },
  interfaces: [LO, ETH0, DOWN],
  localRoutes: [
    route("127.0.0.0/8"),
    route("127.0.0.1"),
    route("10.0.0.2"),
    route("10.0.0.255", "broadcast"),
    route("::1"),
    route("fd00::2"),
  ],
  proxyUser: { name: "kuma-dp", uid: 5678 },
};

const DIRECTION = { enabled: true, includePorts: [], excludePorts: [] };

const CONFIG: Config = {
  kumaDPUser: "",
  ipFamilyMode: "dualstack",
  dryRun: false,
  verbose: false,
  redirect: { inbound: { ...DIRECTION, port: 15006 }, outbound: { ...DIRECTION, port: 15001 } },
  ebpf: {
    enabled: true,
    instanceIPs: [],
    bpffsPath: "/run/kuma/bpf",
    cgroupPath: "",
    programsSourcePath: "",
    tcAttachIface: "",
  },
};

function withEbpf(ebpf: Partial<Config["ebpf"]>): Config {
  return { ...CONFIG, ebpf: { ...CONFIG.ebpf, ...ebpf } };
}

function problemsOf(config: Config, facts = FACTS): readonly string[] {
  try {
    makePlan(config, facts);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((each) => `${each.source}: ${each.message}`);
    throw error;
  }
  return [];
}

describe("by default", () => {
  const plan = makePlan(CONFIG, FACTS);

  test("every port is redirected in both directions", () => {
    for (const port of [1, 22, 443, 65_535]) {
      expect([plan.outbound.ports.has(port), plan.inbound.ports.has(port)]).toEqual([true, true]);
    }
  });

  test("what the routing table delivers here is local, and loopback is not listed", () => {
    const local = plan.addresses
      .filter((each) => each.kind === "local")
      .map((each) => formatPrefix(each.prefix));
    expect(local).toEqual(["10.0.0.2", "fd00::2", "::6"]);
    expect(
      plan.addresses.filter((each) => each.kind === "broadcast").map((each) => formatPrefix(each.prefix)),
    ).toEqual(["10.0.0.255"]);
  });

  test("all addresses are intercepted, on all interfaces but lo", () => {
    expect(plan.instance).toBe("all");
    expect(plan.tcInterface).toBeUndefined();
    expect(plan.interfaces.map((each) => each.name)).toEqual(["eth0", "eth1"]);
  });
});

describe("the address ::6", () => {
  const without = (facts: Partial<HostFacts>, config = CONFIG) =>
    makePlan(config, { ...FACTS, ...facts }).passthroughAddress;

  test("is missing on a host with IPv6", () => expect(without({})).toBe("missing"));
  test("is present once it is there", () => {
    const lo = networkInterface("lo", 1, ["127.0.0.1", "::1", "::6"]);
    expect(without({ interfaces: [lo, ETH0] })).toBe("present");
  });
  test("is unwanted without IPv6, in ipv4 mode, and where inbound traffic is left alone", () => {
    expect(without({ interfaces: [LO, networkInterface("eth0", 2, ["10.0.0.2"])] })).toBe("unwanted");
    expect(without({}, { ...CONFIG, ipFamilyMode: "ipv4" })).toBe("unwanted");
    const gateway = { ...CONFIG.redirect, inbound: { ...CONFIG.redirect.inbound, enabled: false } };
    expect(without({}, { ...CONFIG, redirect: gateway })).toBe("unwanted");
  });
});

describe("instance addresses", () => {
  test("limit what is intercepted inbound, not what is local", () => {
    const plan = makePlan(withEbpf({ instanceIPs: [address("10.0.0.2")] }), FACTS);
    const instance = plan.addresses.filter((each) => each.instance).map((each) => formatPrefix(each.prefix));
    expect(instance).toEqual(["10.0.0.2"]);
    expect(plan.addresses.filter((each) => each.kind === "local")).toHaveLength(3);
  });

  test("may lie in a wider local route", () => {
    const facts = { ...FACTS, localRoutes: [...FACTS.localRoutes, route("10.99.0.0/16")] };
    const plan = makePlan(withEbpf({ instanceIPs: [address("10.99.1.2")] }), facts);
    expect(
      plan.addresses.filter((each) => each.instance).map((each) => formatAddress(each.prefix.address)),
    ).toEqual(["10.99.1.2"]);
  });

  test("that the namespace does not have are refused, with those that it has", () => {
    expect(problemsOf(withEbpf({ instanceIPs: [address("10.0.0.3")] }))).toEqual([
      "--ebpf-instance-ip: 10.0.0.3 is not an address of this network namespace, which has 10.0.0.2, fd00::2",
    ]);
  });
});

describe("the tc interface", () => {
  test("is found", () =>
    expect(makePlan(withEbpf({ tcAttachIface: "eth0" }), FACTS).tcInterface).toEqual(ETH0));

  test.each([
    ["eth9", 'there is no interface "eth9" here; there is eth0, eth1'],
    ["lo", "lo is the loopback interface: inbound connections do not arrive there"],
    ["eth1", "eth1 is down; run `ip link set eth1 up` first"],
  ])("%s is refused", (tcAttachIface, message) => {
    expect(problemsOf(withEbpf({ tcAttachIface }))).toEqual([`--ebpf-tc-attach-iface: ${message}`]);
  });
});

test("all problems are reported at once", () => {
  expect(problemsOf(withEbpf({ tcAttachIface: "eth9", instanceIPs: [address("10.0.0.3")] }))).toHaveLength(2);
});

test("a loopback interface that is down is an error: redirected connections pass it", () => {
  const facts = { ...FACTS, interfaces: [networkInterface("lo", 1, [], false), ETH0] };
  expect(() => makePlan(CONFIG, facts)).toThrowError(TproxyError);
});
