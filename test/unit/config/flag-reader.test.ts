import { expect, test } from "vitest";
import { FlagReader } from "../../../src/config/flag-reader.ts";
import { parseBoolean, parsePort } from "../../../src/config/values.ts";
import { ConfigError } from "../../../src/core/errors.ts";

const PORT = { name: "port", argument: "PORT", help: "a port" };
const JSON_SWITCH = { name: "json", help: "a switch" };

test("reads the last of a flag, or what stands for its absence", () => {
  const flags = new FlagReader([
    { flag: PORT, text: "x" },
    { flag: PORT, text: "80" },
  ]);
  expect(flags.read(PORT, parsePort, 1)).toBe(80);
  expect(flags.read(JSON_SWITCH, parseBoolean, undefined)).toBeUndefined();
  flags.finish();
});

test("throws all problems at once", () => {
  const flags = new FlagReader([
    { flag: PORT, text: "0" },
    { flag: JSON_SWITCH, text: "maybe" },
  ]);
  flags.read(PORT, parsePort, 1);
  flags.read(JSON_SWITCH, parseBoolean, false);
  flags.refuse(PORT, "not today");
  expect(() => flags.finish()).toThrow(ConfigError);
  expect(() => flags.finish()).toThrow(/--port: "0".*\n--json: "maybe".*\n--port: not today/);
});
