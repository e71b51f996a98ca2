import { expect, test } from "vitest";
import { z } from "zod";
import { readFileLayer } from "../../../src/config/files/file-layer.ts";
import { configJsonSchema } from "../../../src/config/json-schema.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { writeSettings } from "../../../src/config/written-config.ts";
import { ConfigError } from "../../../src/core/errors.ts";

const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(configJsonSchema())));

/** Whether the program takes the file, without a word. */
function isTaken(value: unknown): boolean {
  const { layer, problems, warnings } = readFileLayer({ name: "f", text: JSON.stringify(value) });
  try {
    resolveConfig([layer], problems);
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
  return warnings.length === 0;
}

test.each([
  null,
  {},
  { redirect: null },
  { kumaDPUser: 5678, ipFamilyMode: "IPv4", engine: "auto", verbose: "T", cniMode: false },
  { redirect: { inbound: { port: "1", excludePorts: 80, excludePortsForUIDs: [] }, vnet: { networks: [] } } },
  { redirect: { outbound: { excludePortsForUIDs: ["tcp:80:1", 5], includePorts: [1, "2"] } } },
  { retry: { maxRetries: 0, sleepBetweenRetries: "1m30s" }, log: { level: 3 } },
  { ebpf: { instanceIP: "10.0.0.1", instanceIPEnvVarName: "X" }, iptablesExecutables: {} },
])("takes what the program takes: %j", (value) => {
  expect([schema.safeParse(value).success, isTaken(value)]).toEqual([true, true]);
});

test.each([
  [],
  "x",
  { redirect: 5 },
  { redirect: { outbund: {} } },
  { redirect: { inbound: { port: 0 } } },
  { redirect: { inbound: { port: "0x50" } } },
  { redirect: { inbound: { excludePorts: { a: 1 } } } },
  { dryRun: 3 },
  { ipFamilyMode: "ipv6" },
  { wait: -1 },
  { retry: { sleepBetweenRetriesMs: 3 } },
  { iptablesExecutables: { iptable: "/a" } },
])("refuses what the program refuses or warns of: %j", (value) => {
  expect([schema.safeParse(value).success, isTaken(value)]).toEqual([false, false]);
});

test("takes every default, as it is shown", () => {
  const tree = Object.fromEntries(
    writeSettings(resolveConfig([]).config)
      .filter(({ path }) => !path.includes("."))
      .map(({ path, value }) => [path, value]),
  );
  expect([schema.safeParse(tree).success, isTaken(tree)]).toEqual([true, true]);
});
