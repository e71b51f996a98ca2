import { describe, expect, test } from "vitest";
import { type Address, parseAddress } from "../../../src/core/address.ts";
import {
  type OldConnections,
  oldConnectionFindings,
  selectOld,
} from "../../../src/engine/old-connections.ts";
import { PrefixSet } from "../../../src/engine/prefix-set.ts";
import { TCP_STATE, type TcpSocket } from "../../../src/host/tcp-sockets.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { samplePlan } from "../../support/plan-samples.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

function socket(local: [string, number], remote: [string, number], more: Partial<TcpSocket> = {}): TcpSocket {
  const end = ([text, port]: [string, number]) => ({ address: address(text), port });
  const state = { state: TCP_STATE.established, uid: 1000, inode: 7, waiting: 0, cgroupId: undefined };
  return { local: end(local), remote: end(remote), ...state, ...more };
}

const LISTENER = socket(["0.0.0.0", 8080], ["0.0.0.0", 0], { state: TCP_STATE.listen });
const PLAN: Plan = {
  ...samplePlan({
    users: ["tcp:1-65535:1001"],
    outbound: { exclude: [22], addresses: ["10.9.0.0/16"] },
    inbound: { addresses: ["10.0.0.7"] },
  }),
  addresses: [{ prefix: { address: address("10.0.0.1"), length: 32 }, kind: "local", instance: true }],
};

describe("an application's connection to elsewhere", () => {
  test.each<[string, TcpSocket, boolean]>([
    ["that the plan redirects", socket(["10.0.0.1", 40000], ["10.0.0.2", 80]), true],
    ["v4-mapped", socket(["::ffff:10.0.0.1", 40000], ["::ffff:10.0.0.2", 80]), true],
    ["of IPv6", socket(["fd00::1", 40000], ["fd00::2", 80]), true],
    ["that was redirected", socket(["127.0.0.1", 40000], ["127.3.2.1", 15001]), false],
    ["of the proxy", socket(["10.0.0.1", 40000], ["10.0.0.2", 80], { uid: 5678 }), false],
    ["of an excluded user", socket(["10.0.0.1", 40000], ["10.0.0.2", 80], { uid: 1001 }), false],
    ["to an excluded port", socket(["10.0.0.1", 40000], ["10.0.0.2", 22]), false],
    ["to an excluded address", socket(["10.0.0.1", 40000], ["10.9.1.2", 80]), false],
    ["that nobody holds", socket(["10.0.0.1", 40000], ["10.0.0.2", 80], { inode: 0 }), false],
    [
      "that is being made",
      socket(["10.0.0.1", 40000], ["10.0.0.2", 80], { state: TCP_STATE.synSent }),
      false,
    ],
  ])("%s", (_title, each, isOld) => {
    const found = selectOld([LISTENER, each], { plan: PLAN, engine: "ebpf", cgroup: undefined }, []);
    expect(found).toEqual(isOld ? [each] : []);
  });
});

describe("a connection from elsewhere", () => {
  test.each<[string, TcpSocket, boolean]>([
    ["that the plan redirects", socket(["10.0.0.1", 8080], ["10.0.0.2", 50000]), true],
    ["that the proxy has", socket(["10.0.0.1", 8080], ["10.0.0.2", 50000], { uid: 5678 }), false],
    ["from an excluded address", socket(["10.0.0.1", 8080], ["10.0.0.7", 50000]), false],
    ["that the proxy handed on", socket(["127.0.0.1", 8080], ["127.0.0.6", 50000]), false],
  ])("%s", (_title, each, isOld) => {
    const found = selectOld([LISTENER, each], { plan: PLAN, engine: "ebpf", cgroup: undefined }, []);
    expect(found).toEqual(isOld ? [each] : []);
  });
});

test("with iptables the application's end looks the same: the proxy's end tells", () => {
  const [old, redirected] = [40_000, 40_001].map((port) => socket(["10.0.0.1", port], ["10.0.0.2", 80]));
  const proxy = socket(["127.0.0.1", 15001], ["10.0.0.1", 40001], { uid: 5678 });
  const sockets = [old, redirected, proxy].filter((each) => each !== undefined);
  expect(selectOld(sockets, { plan: PLAN, engine: "iptables", cgroup: undefined }, [])).toEqual([old]);
});

test("one line names five processes, and says how many there are", () => {
  const processes = Array.from({ length: 7 }, (_, n) => ({ pid: n, command: `c${n}`, connections: 9 - n }));
  const found: OldConnections = { count: 99, processes };
  const [note] = oldConnectionFindings(found);
  expect(note?.message).toMatch(
    /^99 connections are not .*: c0 \(process 0\): 9, .*c4 \(process 4\): 5, 2 processes more$/,
  );
  expect(oldConnectionFindings({ count: 0, processes: [] })).toEqual([]);
});

test("ranges of addresses, of whatever lengths", () => {
  const range = (text: string, length: number) => ({ address: address(text), length });
  const set = new PrefixSet([
    range("10.1.2.3", 16),
    range("192.0.2.1", 32),
    range("fd00::", 8),
    range("0.0.0.0", 32),
  ]);
  for (const inside of ["10.1.0.0", "10.1.255.255", "192.0.2.1", "fdff::1"])
    expect(set.has(address(inside))).toBe(true);
  for (const outside of ["10.2.0.0", "192.0.2.2", "fe00::1", "::"])
    expect(set.has(address(outside))).toBe(false);
});
