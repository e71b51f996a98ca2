import { describe, expect, test } from "vitest";
import type { Config, SettingKey } from "../../../src/config/config.ts";
import type { Layer } from "../../../src/config/layers.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { SETTINGS } from "../../../src/config/settings.ts";
import { ConfigError, type Problem } from "../../../src/core/errors.ts";

/** A layer as a file would make it. */
function file(values: Readonly<Partial<Record<SettingKey, unknown>>>): Layer {
  const keys = SETTINGS.map(({ key }) => key).filter((key) => Object.hasOwn(values, key));
  return new Map(keys.map((key) => [key, { value: values[key], source: `f:${key}` }]));
}

function configOf(values: Parameters<typeof file>[0]): Config {
  return resolveConfig([file(values)]).config;
}

function problemsOf(values: Parameters<typeof file>[0]): readonly Problem[] {
  try {
    resolveConfig([file(values)]);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("the defaults", () => {
  const { config, sources } = resolveConfig([]);
  expect(config).toEqual({
    kumaDPUser: "",
    ipFamilyMode: "dualstack",
    dryRun: false,
    verbose: false,
    redirect: {
      inbound: { enabled: true, port: 15006, includePorts: [], excludePorts: [] },
      outbound: { enabled: true, port: 15001, includePorts: [], excludePorts: [] },
    },
    ebpf: {
      enabled: false,
      instanceIPs: [],
      bpffsPath: "/run/kuma/bpf",
      cgroupPath: "",
      programsSourcePath: "",
      tcAttachIface: "",
    },
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
});
