import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import {
  type Address,
  formatAddress,
  formatPrefix,
  type Prefix,
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
  nameservers: [],
};

const DEFAULTS = resolveConfig([]).config;
const CONFIG: Config = { ...DEFAULTS, ebpf: { ...DEFAULTS.ebpf, enabled: true } };

function withEbpf(ebpf: Partial<Config["ebpf"]>): Config {
  return { ...CONFIG, ebpf: { ...CONFIG.ebpf, ...ebpf } };
}

function withRedirect(redirect: Partial<Config["redirect"]>): Config {
  return { ...CONFIG, redirect: { ...CONFIG.redirect, ...redirect } };
}

function withDns(dns: Partial<Config["redirect"]["dns"]>, base = CONFIG): Config {
  return { ...base, redirect: { ...base.redirect, dns: { ...base.redirect.dns, ...dns } } };
}

function prefix(text: string): Prefix {
  return route(text).prefix;
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

  test("nothing is excluded, dropped or logged, no DNS query redirected, and nothing noted", () => {
    expect(plan).toMatchObject({
      userExclusions: [],
      dns: { redirect: "none", port: 15053, servers: [] },
      virtualNetworks: [],
      dropInvalid: false,
      logLevel: undefined,
      notes: [],
    });
    for (const direction of [plan.inbound, plan.outbound]) {
      expect(direction).toMatchObject({ includedPorts: [], excludedPorts: [], excludedAddresses: [] });
    }
  });
});

describe("what is left alone", () => {
  test("ports, where none are included; addresses in their order", () => {
    const { inbound, outbound } = DEFAULTS.redirect;
    const excluded = {
      excludePorts: [22, 80],
      excludePortsForIPs: [prefix("fd00::/8"), prefix("10.0.0.0/8")],
    };
    const plan = makePlan(
      withRedirect({
        inbound: { ...inbound, ...excluded },
        outbound: { ...outbound, ...excluded, includePorts: [80, 443] },
      }),
      FACTS,
    );
    expect(plan.inbound).toMatchObject({ includedPorts: [], excludedPorts: [22, 80] });
    expect(plan.inbound.excludedAddresses.map(formatPrefix)).toEqual(["fd00::/8", "10.0.0.0/8"]);
    expect([22, 80, 443].map((port) => plan.inbound.ports.has(port))).toEqual([false, false, true]);
    expect(plan.outbound).toMatchObject({ includedPorts: [80, 443], excludedPorts: [] });
    expect(plan.outbound.excludedAddresses.map(formatPrefix)).toEqual(["fd00::/8", "10.0.0.0/8"]);
    expect([22, 80, 443].map((port) => plan.outbound.ports.has(port))).toEqual([false, true, true]);
  });

  test("ports of users, in their order", () => {
    const rule = { ports: [{ first: 1, last: 65_535 }], uids: [{ first: 1, last: 2 }] };
    const rules = [
      { ...rule, protocol: "udp" },
      { ...rule, protocol: "tcp" },
    ] as const;
    const outbound = { ...CONFIG.redirect.outbound, excludePortsForUIDs: rules };
    expect(makePlan(withRedirect({ outbound }), FACTS).userExclusions).toEqual(rules);
  });
});

test("an address that is another network's broadcast address, too, is what the kernel has first", () => {
  const both = [route("10.1.0.255/32", "local"), route("10.1.0.255/32", "broadcast")];
  const first = (routes: readonly LocalRouteFact[]) =>
    makePlan(CONFIG, { ...FACTS, localRoutes: routes }).addresses[0]?.kind;
  expect(first(both)).toBe("local");
  expect(first(both.toReversed())).toBe("broadcast");
});

test("an anycast address is of this host, and not what it is known by", () => {
  const facts = { ...FACTS, localRoutes: [route("fd00::/128", "anycast"), route("fd00::2")] };
  for (const instanceIPs of [[], ["fd00::2"]]) {
    const config = withEbpf({ instanceIPs: instanceIPs.map(address) });
    expect(makePlan(config, facts).addresses[0]).toMatchObject({ kind: "local", instance: false });
  }
});

test("virtual networks stand in the order of their interfaces, two on one interface in theirs", () => {
  const networks = [
    ["docker0", "172.17.0.0/16"],
    ["br+", "172.19.0.0/16"],
    ["Z0", "fd00::/64"],
    ["br+", "172.18.0.0/16"],
  ].map(([name = "", text = ""]) => ({ interface: name, prefix: prefix(text) }));
  const plan = makePlan(withRedirect({ vnet: { networks: Object.freeze(networks) } }), FACTS);
  expect(plan.virtualNetworks.map((each) => `${each.interface} ${formatPrefix(each.prefix)}`)).toEqual([
    "Z0 fd00::/64",
    "br+ 172.19.0.0/16",
    "br+ 172.18.0.0/16",
    "docker0 172.17.0.0/16",
  ]);
});

test.each(["refuse", "bypass"] as const)("while the proxy is down: %s", (whenProxyDown) => {
  expect(makePlan(withRedirect({ whenProxyDown }), FACTS).whenProxyDown).toBe(whenProxyDown);
});

test("invalid packets are dropped and all logged where that was asked for", () => {
  const plan = makePlan({ ...CONFIG, dropInvalidPackets: true, log: { enabled: true, level: 0 } }, FACTS);
  expect([plan.dropInvalid, plan.logLevel]).toEqual([true, 0]);
});

describe("DNS", () => {
  const IPV4 = "10.0.0.53";
  const IPV6 = "fd00::53";
  const withServers = (...servers: readonly string[]) => ({ ...FACTS, nameservers: servers.map(address) });
  const planServers = (servers: readonly string[], facts: Partial<HostFacts> = {}, base = CONFIG) =>
    makePlan(withDns({ enabled: true }, base), { ...withServers(...servers), ...facts });

  test("of all servers needs none by name", () => {
    for (const enabled of [true, false]) {
      const plan = makePlan(withDns({ enabled, captureAll: true, port: 5353 }), withServers(IPV4));
      expect(plan.dns).toEqual({ redirect: "all", port: 5353, servers: [] });
      expect(plan.notes).toEqual([]);
    }
  });

  test("that is left alone has no servers", () => {
    expect(makePlan(CONFIG, withServers(IPV4)).dns).toEqual({ redirect: "none", port: 15053, servers: [] });
  });

  test("of the servers of resolv.conf has them in its order, v4-mapped ones as IPv4", () => {
    const { dns, notes } = planServers([IPV6, "::ffff:10.0.0.54", IPV4]);
    expect(dns.redirect).toBe("servers");
    expect(dns.servers.map(formatAddress)).toEqual([IPV6, "10.0.0.54", IPV4]);
    expect(notes).toEqual([]);
  });

  test.each([
    [[IPV4], "/etc/resolv.conf names no IPv6 name server: DNS queries over IPv6 are left alone"],
    [[IPV6], "/etc/resolv.conf names no IPv4 name server: DNS queries over IPv4 are left alone"],
    [[], "/etc/resolv.conf names no name server that can be redirected: DNS queries are left alone"],
  ])("without a server of some family is noted: %j", (servers, note) => {
    expect(planServers(servers).notes).toEqual([note]);
  });

  test("misses no IPv6 server where there is no IPv6, or none is wanted", () => {
    const interfaces = [LO, networkInterface("eth0", 2, ["10.0.0.2"])];
    expect(planServers([IPV4], { interfaces }).notes).toEqual([]);
    expect(planServers([IPV4], {}, { ...CONFIG, ipFamilyMode: "ipv4" }).notes).toEqual([]);
    expect(planServers([IPV6], { interfaces }).notes).toEqual([
      "/etc/resolv.conf names no name server that can be redirected: DNS queries are left alone",
    ]);
  });

  test("has what was noted of the facts first", () => {
    const plan = makePlan(withDns({ enabled: true }), { ...withServers(IPV4), notes: ["a note"] });
    expect(plan.notes).toEqual(["a note", expect.stringContaining("no IPv6 name server")]);
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
