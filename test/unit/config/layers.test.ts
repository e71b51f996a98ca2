import { expect, test } from "vitest";
import type { Flag, GivenFlag } from "../../../src/config/flag.ts";
import { defaultLayer, flagLayer, mergeLayers } from "../../../src/config/layers.ts";
import { FLAGS_WITHOUT_EFFECT } from "../../../src/config/old-flags.ts";
import { SETTINGS } from "../../../src/config/settings.ts";

/** `given("dry-run", "true")`: as if it stood on the command line. */
function given(name: string, text: string): GivenFlag {
  const flags: readonly Flag[] = [...SETTINGS.flatMap((setting) => setting.flags), ...FLAGS_WITHOUT_EFFECT];
  const flag = flags.find((candidate) => candidate.name === name);
  if (flag === undefined) throw new Error(`no flag ${name}`);
  return { flag, text };
}

test("a later layer lies over an earlier one, value by value", () => {
  const file = new Map([
    ["verbose", { value: true, source: "a.yaml:verbose" }],
    ["redirect.inbound.excludePorts", { value: [1, 2], source: "a.yaml:redirect.inbound.excludePorts" }],
  ] as const);
  const merged = mergeLayers([defaultLayer(), file, flagLayer([given("exclude-inbound-ports", "3")])]);
  expect(merged.get("verbose")).toEqual({ value: true, source: "a.yaml:verbose" });
  expect(merged.get("redirect.inbound.excludePorts")).toEqual({
    value: "3",
    source: "--exclude-inbound-ports",
  });
  expect(merged.get("dryRun")).toEqual({ value: "false", source: "default" });
  expect(merged.size).toBe(SETTINGS.length);
});

test("the last one of a flag counts, under whichever name it was given", () => {
  const layer = flagLayer([
    given("kuma-dp-uid", "1"),
    given("kuma-dp-user", "two"),
    given("kuma-dp-uid", "3"),
  ]);
  expect([...layer]).toEqual([["kumaDPUser", { value: "3", source: "--kuma-dp-uid" }]]);
});

test("a repeatable flag adds up", () => {
  const layer = flagLayer([
    given("ebpf-instance-ip", "10.0.0.1"),
    given("ebpf-instance-ip", "10.0.0.2,10.0.0.3"),
  ]);
  expect(layer.get("ebpf.instanceIPs")?.value).toEqual(["10.0.0.1", "10.0.0.2,10.0.0.3"]);
});

test("a flag without effect says nothing", () => {
  expect(flagLayer([given("experimental-transparent-proxy-engine", "true")]).size).toBe(0);
});
