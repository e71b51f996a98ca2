import { expect, test } from "vitest";
import type { Flag } from "../../../src/config/flag.ts";
import { FLAGS_WITHOUT_EFFECT } from "../../../src/config/old-flags.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { defaultOf, GIVABLES, mainFlagOf, SETTINGS } from "../../../src/config/settings.ts";

const flags: readonly Flag[] = [...GIVABLES.flatMap((setting) => setting.flags), ...FLAGS_WITHOUT_EFFECT];

test("the table has every setting of the schema, and no other", () => {
  expect(SETTINGS.map(({ key }) => key).sort()).toEqual([...keysOf(configSchema)].sort());
});

function* keysOf(schema: unknown, path: readonly string[] = []): Generator<string> {
  const shape: unknown =
    typeof schema === "object" && schema !== null ? Reflect.get(schema, "shape") : undefined;
  if (typeof shape !== "object" || shape === null) {
    yield path.join(".");
    return;
  }
  for (const [name, child] of Object.entries(shape)) yield* keysOf(child, [...path, name]);
}

test("no flag is there twice", () => {
  const names = flags.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

test.each(flags)("--$name is one that the parser takes for what it is", ({ name, argument, help }) => {
  expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  // Brackets and dots have a meaning in the parser's language.
  expect(argument ?? "X").toMatch(/^[A-Z]+$/);
  expect(help).not.toBe("");
});

test("a setting is found by its key", () => {
  expect(defaultOf("redirect.inbound.port")).toBe("15006");
  expect(mainFlagOf("kumaDPUser").name).toBe("kuma-dp-user");
  expect(() => mainFlagOf("redirect.outbound.enabled")).toThrow("no flag");
});

test("only what kumactl has no flag for is without one", () => {
  expect(SETTINGS.filter((setting) => setting.flags.length === 0).map(({ key }) => key)).toEqual([
    "redirect.inbound.includePorts",
    "redirect.outbound.enabled",
    "redirect.outbound.includePorts",
    "redirect.dns.resolvConfigPath",
    "log.level",
  ]);
});
