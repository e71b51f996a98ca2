import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { flagLayer, type Layer } from "../../../src/config/layers.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import type { SettingName } from "../../../src/config/setting.ts";
import { SETTINGS } from "../../../src/config/settings.ts";
import { formatPrefix } from "../../../src/core/address.ts";
import { ConfigError, type Problem } from "../../../src/core/errors.ts";

/** A layer as a file would make it. */
function file(values: Readonly<Partial<Record<SettingName, unknown>>>): Layer {
  const keys = SETTINGS.map(({ key }) => key).filter((key) => Object.hasOwn(values, key));
  return new Map(keys.map((key) => [key, { value: values[key], source: `f:${key}` }]));
}

/** A layer as the command line would make it: `flags("--redirect-dns=true")`. */
function flags(...words: readonly string[]): Layer {
  return flagLayer(
    words.map((word) => {
      const [name = "", text = ""] = word.slice(2).split("=");
      const flag = SETTINGS.flatMap((setting) => setting.flags).find((candidate) => candidate.name === name);
      if (flag === undefined) throw new Error(`no flag ${name}`);
      return { flag, text };
    }),
  );
}

function configOf(values: Parameters<typeof file>[0]): Config {
  return resolveConfig([file(values)]).config;
}

function problemsOf(values: Parameters<typeof file>[0]): readonly Problem[] {
  return problemsOfLayers(file(values));
}

function problemsOfLayers(...layers: readonly Layer[]): readonly Problem[] {
  try {
    resolveConfig(layers);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("the defaults", () => {
  const { config, sources } = resolveConfig([]);
  const direction = {
    enabled: true,
    includePorts: [],
    excludePorts: [],
    excludePortsForIPs: [],
    insertRedirectInsteadOfAppend: false,
  };
  expect(config).toEqual({
    kumaDPUser: "",
    ipFamilyMode: "dualstack",
    engine: "",
    dryRun: false,
    verbose: false,
    redirect: {
      inbound: { ...direction, port: 15006 },
      outbound: { ...direction, port: 15001, excludePortsForUIDs: [] },
      dns: {
        enabled: false,
        port: 15053,
        captureAll: false,
        skipConntrackZoneSplit: false,
        resolvConfigPath: "/etc/resolv.conf",
      },
      vnet: { networks: [] },
      whenProxyDown: "refuse",
    },
    ebpf: {
      enabled: false,
      instanceIPs: [],
      bpffsPath: "/run/kuma/bpf",
      cgroupPath: "",
      programsSourcePath: "",
      tcAttachIface: "",
    },
    dropInvalidPackets: false,
    storeFirewalld: false,
    log: { enabled: false, level: 7 },
    comments: { disabled: false },
    wait: 5,
    waitInterval: 0,
    retry: { maxRetries: 4, sleepBetweenRetriesMs: 2000 },
    iptablesExecutables: {},
  });
  expect([...new Set(sources.values())]).toEqual(["default"]);
});

test("the result cannot be changed, not even deep inside", () => {
  const config = configOf({ "redirect.inbound.excludePorts": [80], "ebpf.instanceIPs": ["10.0.0.1"] });
  const parts = [
    config,
    config.redirect.inbound,
    config.redirect.inbound.excludePorts,
    config.ebpf.instanceIPs[0],
  ];
  expect(parts.map((part) => Object.isFrozen(part))).toEqual([true, true, true, true]);
});

test("values come from the last layer that has them, and are said to", () => {
  const { config, sources } = resolveConfig([
    file({ dryRun: true, verbose: true }),
    file({ dryRun: "false" }),
  ]);
  expect([config.dryRun, config.verbose]).toEqual([false, true]);
  expect(sources.get("verbose")).toBe("f:verbose");
  expect(sources.get("kumaDPUser")).toBe("default");
});

describe("a value means the same in each of its forms", () => {
  test.each([15010, "15010"])("a port: %j", (port) => {
    expect(configOf({ "redirect.inbound.port": port }).redirect.inbound.port).toBe(15010);
  });
  test.each([[[80, 443]], [["80", "443"]], ["443, 80"], [["80,443"]]])("ports: %j", (ports) => {
    expect(configOf({ "redirect.outbound.excludePorts": ports }).redirect.outbound.excludePorts).toEqual([
      80, 443,
    ]);
  });
  test("one port for a list", () => {
    expect(configOf({ "redirect.outbound.includePorts": 80 }).redirect.outbound.includePorts).toEqual([80]);
  });
  test.each([5678, "5678"])("a user: %j", (user) => {
    expect(configOf({ kumaDPUser: user }).kumaDPUser).toBe("5678");
  });
  test.each([[["tcp:80,443:1", "2,3"]], ["tcp:80,443:1;2,3"]])(
    "rules with commas in them, which a list keeps whole: %j",
    (rules) => {
      const { excludePortsForUIDs } = configOf({ "redirect.outbound.excludePortsForUIDs": rules }).redirect
        .outbound;
      expect(
        excludePortsForUIDs.map(({ protocol, ports, uids }) => [protocol, ports.length, uids.length]),
      ).toEqual([
        ["tcp", 2, 1],
        ["tcp", 1, 2],
        ["udp", 1, 2],
      ]);
    },
  );
  test("one number for a list of rules", () => {
    const { outbound } = configOf({ "redirect.outbound.excludePortsForUIDs": 1000 }).redirect;
    expect(outbound.excludePortsForUIDs.map(({ uids }) => uids)).toEqual(
      new Array(2).fill([{ first: 1000, last: 1000 }]),
    );
  });
  test.each([[["10.0.0.1", "fd00::/8"]], ["10.0.0.1,fd00::/8"], [["10.0.0.1,fd00::/8"]]])(
    "prefixes: %j",
    (prefixes) => {
      const { inbound } = configOf({ "redirect.inbound.excludePortsForIPs": prefixes }).redirect;
      expect(inbound.excludePortsForIPs.map(formatPrefix)).toEqual(["10.0.0.1", "fd00::/8"]);
    },
  );
  test.each([0, "0", "0s"])("no time at all: %j", (duration) => {
    expect(configOf({ "retry.sleepBetweenRetriesMs": duration }).retry.sleepBetweenRetriesMs).toBe(0);
  });
  test.each([
    ["/tmp/kuma-ebpf", ""],
    ["/kuma/ebpf/", ""],
    ["", ""],
    ["/tmp/mine", "/tmp/mine"],
  ])("the directory of the objects, where kumactl writes its own: %j", (path, expected) => {
    expect(configOf({ "ebpf.programsSourcePath": path }).ebpf.programsSourcePath).toBe(expected);
  });
  test("an empty item of a repeated flag is nothing", () => {
    expect(configOf({ "ebpf.instanceIPs": ["", "10.0.0.1"] }).ebpf.instanceIPs).toHaveLength(1);
  });
});

describe("what is wrong", () => {
  test("is all reported at once, each with its source", () => {
    const problems = problemsOf({
      "redirect.inbound.port": 0,
      "redirect.outbound.port": "x",
      "redirect.inbound.excludePorts": [70000, "y", 80],
      ipFamilyMode: "v6",
      dryRun: "maybe",
      "ebpf.bpffsPath": "",
    });
    expect(problems.map(({ source }) => source).sort()).toEqual([
      "f:dryRun",
      "f:ebpf.bpffsPath",
      "f:ipFamilyMode",
      "f:redirect.inbound.excludePorts",
      "f:redirect.inbound.excludePorts",
      "f:redirect.inbound.port",
      "f:redirect.outbound.port",
    ]);
  });

  test.each([
    ["redirect.inbound.port", null],
    ["redirect.inbound.port", [80]],
    ["redirect.inbound.port", 80.5],
    ["redirect.inbound.port", 1e21],
    ["redirect.inbound.port", Number.NaN],
    ["redirect.inbound.port", true],
    ["redirect.inbound.excludePorts", { a: 1 }],
    ["redirect.inbound.excludePorts", [[80]]],
    ["redirect.inbound.excludePorts", [null]],
    ["ebpf.instanceIPs", 10],
    ["ebpf.instanceIPs", [10]],
    ["dryRun", 1],
    ["kumaDPUser", ["a"]],
    ["ebpf.tcAttachIface", 3],
    ["engine", 1],
    ["redirect.vnet.networks", 1],
    ["redirect.outbound.excludePortsForUIDs", { a: 1 }],
    ["redirect.outbound.excludePortsForIPs", [1]],
    ["retry.sleepBetweenRetriesMs", true],
    ["iptablesExecutables", 1],
    ["log.level", 8],
    ["wait", -1],
    ["wait", 2 ** 31],
    ["retry.maxRetries", "0x1"],
  ] as const)("has a message of its own for a value of the wrong kind: %s %j", (key, value) => {
    const problems = problemsOf({ [key]: value });
    expect(problems).toEqual([{ source: `f:${key}`, message: expect.not.stringMatching(/^Invalid/) }]);
  });

  test.each([
    [{ "redirect.inbound.port": 15001 }, "f:redirect.inbound.port"],
    [{ "redirect.outbound.port": 15006 }, "f:redirect.outbound.port"],
    [{ "redirect.inbound.port": 1, "redirect.outbound.port": 1 }, "f:redirect.inbound.port"],
  ])("one port for two things: %j", (values, source) => {
    expect(problemsOf(values)).toEqual([{ source, message: expect.stringMatching(/two ports/) }]);
  });

  test("the DNS proxy may have a number that a port for connections has", () => {
    expect(configOf({ "redirect.dns.port": 15001 }).redirect.dns.port).toBe(15001);
  });
});

describe("what DNS queries are redirected", () => {
  const dnsOf = (...layers: readonly Layer[]) => {
    const { enabled, captureAll } = resolveConfig(layers).config.redirect.dns;
    return { enabled, captureAll };
  };

  test.each([
    ["--redirect-dns=true", { enabled: true, captureAll: false }],
    ["--redirect-all-dns-traffic=true", { enabled: true, captureAll: true }],
    ["--redirect-dns=false --redirect-all-dns-traffic=true", { enabled: true, captureAll: true }],
    ["--redirect-dns=true --redirect-all-dns-traffic=false", { enabled: true, captureAll: false }],
    ["--redirect-dns=false", { enabled: false, captureAll: false }],
  ])("by the flags %s", (line, expected) => {
    expect(dnsOf(flags(...line.split(" ")))).toEqual(expected);
  });

  test("by a file that says whether and how much", () => {
    const both = file({ "redirect.dns.enabled": true, "redirect.dns.captureAll": true });
    expect(dnsOf(both)).toEqual({ enabled: true, captureAll: true });
    expect(dnsOf(both, flags("--redirect-all-dns-traffic=false"))).toEqual({
      enabled: true,
      captureAll: false,
    });
    expect(dnsOf(file({ "redirect.dns.captureAll": true }))).toEqual({ enabled: true, captureAll: true });
  });

  test("not by both flags at once: the error names both", () => {
    const both = flags("--redirect-dns=true", "--redirect-all-dns-traffic=true");
    expect(problemsOfLayers(both)).toEqual([
      { source: "--redirect-dns", message: expect.stringContaining("--redirect-all-dns-traffic") },
    ]);
  });
});
