import { expect, test } from "vitest";
import { dropGlobalConfigFile, writeOutSwitches } from "../../../src/cli/switches.ts";

const FLAGS = [
  { name: "verbose", help: "a switch" },
  { name: "user", argument: "USER", help: "a flag with a value" },
];

test.each([
  ["--verbose install", "--verbose=true install"],
  ["--verbose=false", "--verbose=false"],
  ["--user --verbose --verbose", "--user --verbose --verbose=true"],
  ["--user=a --verbose", "--user=a --verbose=true"],
  ["--user", "--user"],
  ["-- --verbose", "-- --verbose"],
  ["--other --verbose", "--other --verbose=true"],
])("%s", (before, after) => {
  expect(writeOutSwitches(before.split(" "), FLAGS)).toEqual(after.split(" "));
});

test.each([
  ["--config-file a install --config-file b", "install --config-file b"],
  ["--config-file=a --user x install", "--user x install"],
  ["--verbose --config-file a", "--verbose"],
  ["--user --config-file install", "--user --config-file install"],
  ["install", "install"],
])("kumactl's own configuration before the command: %s", (before, after) => {
  const flags = [...FLAGS, { name: "config-file", argument: "FILE", help: "" }];
  expect(dropGlobalConfigFile(before.split(" "), flags)).toEqual(after.split(" "));
});
