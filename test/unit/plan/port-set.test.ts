import { describe, expect, test } from "vitest";
import { PortSet } from "../../../src/plan/port-set.ts";

describe("PortSet", () => {
  test("without lists holds every port", () => {
    const set = PortSet.redirected([], []);
    expect([0, 1, 80, 65_535].map((port) => set.has(port))).toEqual([true, true, true, true]);
    expect(set.words().every((word) => word === 0xffff_ffff_ffff_ffffn)).toBe(true);
  });

  test("leaves exactly the excluded ports out", () => {
    const set = PortSet.redirected([], [1, 63, 64, 65_535]);
    const missing = Array.from({ length: 65_536 }, (_, port) => port).filter((port) => !set.has(port));
    expect(missing).toEqual([1, 63, 64, 65_535]);
  });

  test("holds exactly the included ports, whatever is excluded", () => {
    const set = PortSet.redirected([80, 443], [443, 8080]);
    const held = Array.from({ length: 65_536 }, (_, port) => port).filter((port) => set.has(port));
    expect(held).toEqual([80, 443]);
  });

  test("has bit p % 64 of word p / 64 for port p", () => {
    const words = PortSet.redirected([0, 65, 65_535], []).words();
    expect(words).toHaveLength(1024);
    expect([words[0], words[1], words[1023]]).toEqual([1n, 2n, 1n << 63n]);
  });
});
