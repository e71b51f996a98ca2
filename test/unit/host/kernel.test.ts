import { describe, expect, test } from "vitest";
import { atLeast, isLinux, kernelRelease, parseKernelRelease } from "../../../src/host/kernel.ts";

describe("a kernel's release", () => {
  test.each([
    ["6.18.44-fc-v769", 6, 18],
    ["5.10.0-28-amd64", 5, 10],
    ["2.6.78-fc-v769", 2, 6],
    ["6.1", 6, 1],
  ])("%s", (release, major, minor) => {
    expect(parseKernelRelease(release)).toEqual({ major, minor });
  });

  test("without a number is an error", () => {
    expect(() => parseKernelRelease("generic")).toThrow(/begins with no version number/);
  });

  test("of this machine is understood", () => {
    expect(isLinux()).toBe(true);
    expect(parseKernelRelease(kernelRelease()).major).toBeGreaterThanOrEqual(2);
  });
});

test.each([
  [5, 7, true],
  [5, 8, false],
  [4, 19, true],
  [6, 0, false],
])("5.7 is at least %i.%i: %s", (major, minor, expected) => {
  expect(atLeast({ major: 5, minor: 7 }, major, minor)).toBe(expected);
});
