import { describe, expect, test } from "vitest";
import {
  CAPABILITIES_NEEDED,
  missingCapabilities,
  parseEffectiveCapabilities,
} from "../../../src/host/capabilities.ts";

describe("effective capabilities", () => {
  test("are named by their numbers", () => {
    const bits = (1n << 12n) | (1n << 19n) | (1n << 38n) | (1n << 39n) | (1n << 40n) | (1n << 60n);
    const status = `CapPrm:\tffffffffffffffff\nCapEff:\t${bits.toString(16).padStart(16, "0")}\n`;
    expect([...parseEffectiveCapabilities(status)]).toEqual([
      "net_admin",
      "sys_ptrace",
      "perfmon",
      "bpf",
      "checkpoint_restore",
    ]);
    expect(parseEffectiveCapabilities("CapEff:\t0000000000000000\n").size).toBe(0);
  });

  test("must be there", () => {
    expect(() => parseEffectiveCapabilities("Name:\tnode\n")).toThrow(/no line CapEff/);
  });
});

describe("missing capabilities", () => {
  const names = (...args: Parameters<typeof missingCapabilities>) =>
    missingCapabilities(...args).map((each) => each.capability);

  test("depend on the purpose", () => {
    const always = ["net_admin", "bpf", "perfmon"] as const;
    expect(names([], new Set())).toEqual([]);
    expect(names(["ebpf", "ebpf-load"], new Set())).toEqual(always);
    expect(names(["iptables", "iptables-legacy"], new Set(["bpf"]))).toEqual(["net_admin", "net_raw"]);
    expect(names(["mount-bpffs"], new Set(always))).toEqual(["sys_admin"]);
    expect(names(["running-proxy"], new Set(always))).toEqual(["sys_ptrace", "dac_read_search"]);
  });

  test("may be made up for by others", () => {
    const purposes = ["ebpf", "ebpf-load", "running-proxy", "mount-bpffs"] as const;
    expect(names(purposes, new Set(["net_admin", "sys_admin", "sys_ptrace", "dac_override"]))).toEqual([]);
  });

  test("have a reason each", () => {
    for (const { reason } of CAPABILITIES_NEEDED) expect(reason).toMatch(/^[a-z]+s /);
  });
});
