import { expect, test } from "vitest";
import { parseDuration } from "../../../src/core/duration.ts";

test.each([
  ["0", 0],
  ["0s", 0],
  ["2s", 2000],
  ["500ms", 500],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  [".5s", 500],
  ["1.s", 1000],
  ["2.3s", 2300],
  ["1h1h", 7_200_000],
  ["1500us", 2],
  ["2000µs", 2],
  ["2000μs", 2],
  ["1ns", 0],
])("%s", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([
  "",
  "5",
  "s",
  ".s",
  "-1s",
  "+1s",
  "1 s",
  " 1s",
  "1s ",
  "1s\n",
  "1d",
  "1S",
  "1e3s",
  "1s2",
  "0x1s",
  "２s",
])("is none: %j", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});
