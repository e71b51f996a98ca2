import { expect, test } from "vitest";
import { writeOutSwitches } from "../../../src/cli/switches.ts";

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
