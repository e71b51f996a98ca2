import { describe, expect, test } from "vitest";
import {
  candidateAddresses,
  candidatePorts,
  candidateUids,
  neighbourOf,
} from "../../../../src/commands/verify/candidates.ts";
import { formatAddress } from "../../../../src/core/address.ts";
import { address, samplePlan } from "../../../support/plan-samples.ts";

describe("a neighbour is in the same network, and never the address itself", () => {
  test.each([
    ["10.66.0.1", 24, "10.66.0.129"],
    ["10.66.0.200", 24, "10.66.0.72"],
    ["10.0.0.1", 31, "10.0.0.0"],
    ["10.0.0.1", 32, undefined],
    ["10.0.0.1", 8, "10.128.0.1"],
    ["fd66::1", 64, "fd66::8000:0:0:1"],
    ["fd66::1", 128, undefined],
  ])("%s/%i", (own, length, neighbour) => {
    const found = neighbourOf(address(own), length);
    expect(found && formatAddress(found)).toBe(neighbour);
  });
});

test("addresses that nobody has come first, and only those of the family", () => {
  const neighbours = [address("10.0.0.129"), address("fd00::8000:0:0:1")];
  expect(candidateAddresses(4, neighbours).map(formatAddress)).toEqual([
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "10.0.0.129",
  ]);
  expect(candidateAddresses(6, neighbours).map(formatAddress)).toEqual([
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "fd00::8000:0:0:1",
  ]);
});

describe("ports", () => {
  const all = Array.from({ length: 65_535 }, (_, index) => index + 1);
  test.each<[string, Parameters<typeof samplePlan>[0], number[]]>([
    ["as on any host", {}, [80, 443, 8080, 1]],
    ["some excluded", { outbound: { exclude: [1, 2, 80] } }, [443, 8080, 3]],
    ["one included", { outbound: { include: [9999] } }, [9999]],
    ["all excluded but one", { outbound: { exclude: all.filter((port) => port !== 4711) } }, [4711]],
    ["all excluded", { outbound: { exclude: all } }, []],
    ["beside those of users", { users: ["tcp:1-100:7", "udp:5-6:8"] }, [80, 443, 8080, 101, 1]],
  ])("%s", (_title, wanted, ports) => {
    expect(candidatePorts(samplePlan(wanted))).toEqual(ports);
  });
});

describe("users", () => {
  test.each<[string, Parameters<typeof samplePlan>[0], number[]]>([
    ["as on any host", {}, [65_534, 1000, 0]],
    ["never the proxy's", { uid: 1000 }, [65_534, 0]],
    ["beside those that are excluded", { users: ["tcp:1-65535:0-65534"] }, [65_534, 1000, 0, 65_535]],
    ["none above the last", { users: ["tcp:1-65535:0-4294967294"] }, [65_534, 1000, 0]],
  ])("%s", (_title, wanted, uids) => {
    expect(candidateUids(samplePlan(wanted))).toEqual(uids);
  });

  test("not more than can be tried", () => {
    const users = Array.from({ length: 10_000 }, (_, index) => `tcp:1-65535:${10 * index}`);
    expect(candidateUids(samplePlan({ users }))).toHaveLength(64);
  });
});
