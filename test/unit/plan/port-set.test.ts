import { describe, expect, test } from "vitest";
import { PortSet } from "../../../src/plan/port-set.ts";

describe("PortSet", () => {
  test("without lists holds every port", () => {
    const set = PortSet.redirected([], []);
    expect([0, 1, 80, 65_535].map((port) => set.has(port))).toEqual([true, true, true, true]);
    expect(set.bits().every((byte) => byte === 0xff)).toBe(true);
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

  test("has bit p % 8 of byte p / 8 for port p", () => {
    const bits = PortSet.redirected([0, 9, 65_535], []).bits();
    expect(bits).toHaveLength(8192);
    expect([bits[0], bits[1], bits[8191]]).toEqual([1, 2, 0x80]);
  });
});
