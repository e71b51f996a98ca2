import { describe, expect, test } from "vitest";
import type { UserExclusion } from "../../../src/config/config.ts";
import { coverRange } from "../../../src/engine/ebpf/cover-range.ts";
import {
  encodeExcludedAddresses,
  encodeExcludedUsers,
  encodeUserExclusions,
} from "../../../src/engine/ebpf/encode-exclusions.ts";
import { joinUserExclusions } from "../../../src/engine/ebpf/join-user-exclusions.ts";
import { samplePlan } from "../../support/plan-samples.ts";

describe("a range as blocks of a trie", () => {
  test.each([
    { first: 0, last: 65_535, bits: 16, blocks: [[0, 0]] },
    { first: 53, last: 53, bits: 16, blocks: [[53, 16]] },
    {
      first: 1,
      last: 6,
      bits: 16,
      blocks: [
        [1, 16],
        [2, 15],
        [4, 15],
        [6, 16],
      ],
    },
    { first: 0, last: 4_294_967_295, bits: 32, blocks: [[0, 0]] },
    {
      first: 2_147_483_647,
      last: 4_294_967_294,
      bits: 32,
      count: 32,
    },
  ])("$first–$last of $bits bits", ({ first, last, bits, blocks, count = blocks?.length }) => {
    const covered = coverRange({ first, last }, bits);
    expect(covered).toHaveLength(count ?? 0);
    if (blocks !== undefined) expect(covered.map((block) => [block.first, block.length])).toEqual(blocks);
    // Side by side, from the first number to the last.
    let next = first;
    for (const block of covered) {
      expect(block.first).toBe(next);
      next += 2 ** (bits - block.length);
    }
    expect(next).toBe(last + 1);
  });
});

describe("excluded addresses", () => {
  const plan = samplePlan({
    outbound: { addresses: ["10.0.0.0/8", "fd00::1", "0.0.0.0/0"] },
    inbound: { addresses: ["10.0.0.0/8", "192.168.1.128/25"] },
  });

  test("are prefixes behind the direction", () => {
    expect(encodeExcludedAddresses(plan, 4).map((key) => Buffer.from(key).toString("hex"))).toEqual([
      "2800000000000000" + "0a000000",
      "2000000000000000" + "00000000",
      "2800000001000000" + "0a000000",
      "3900000001000000" + "c0a80180",
    ]);
  });

  test("are of one family", () => {
    expect(encodeExcludedAddresses(plan, 6).map((key) => Buffer.from(key).toString("hex"))).toEqual([
      "a000000000000000" + "fd000000000000000000000000000001",
    ]);
  });
});

describe("excluded users", () => {
  test("ten thousand rules that do not overlap are ten thousand ranges; all over each other they are refused", () => {
    const apart = Array.from(
      { length: 10_000 },
      (_, index) => `tcp:${index + 1}:${index * 10}-${index * 10 + 5}`,
    );
    expect(encodeUserExclusions(samplePlan({ users: apart })).ports).toHaveLength(10_000);
    const piled = Array.from(
      { length: 10_000 },
      (_, index) => `tcp:${index * 2 + 1}:${index}-${100_000 + index}`,
    );
    const encode = () => encodeUserExclusions(samplePlan({ users: piled }));
    expect(encode).toThrow(/overlap so much/);
    expect(encode).toThrow(expect.objectContaining({ code: "OPTION_UNSUPPORTED" }));
  });

  test.each([
    { rules: [], flags: [0, 0] },
    { rules: ["tcp:1:1"], flags: [1, 0] },
    { rules: ["udp:1:1"], flags: [0, 1] },
  ])("are announced by protocol: $rules", ({ rules, flags }) => {
    expect([...encodeExcludedUsers(samplePlan({ users: rules }))]).toEqual(flags);
  });

  test.each([
    {
      title: "users of one rule are one range",
      users: ["tcp:80:5,6-9"],
      ranges: ["tcp 5-9 80-80"],
    },
    {
      title: "ports that touch are one range",
      users: ["tcp:80,81-90,85-95:5"],
      ranges: ["tcp 5-5 80-95"],
    },
    {
      title: "where rules overlap, their ports are joined",
      users: ["tcp:80:0-10", "tcp:443:5-20"],
      ranges: ["tcp 0-4 80-80", "tcp 5-10 80-80,443-443", "tcp 11-20 443-443"],
    },
    {
      title: "ranges of one rule may overlap",
      users: ["udp:53:1-10,5-20"],
      ranges: ["udp 1-20 53-53"],
    },
    {
      title: "protocols are apart",
      users: ["udp:53:1", "tcp:53:1"],
      ranges: ["tcp 1-1 53-53", "udp 1-1 53-53"],
    },
    {
      title: "the last user",
      users: ["tcp:1-65535:4294967294"],
      ranges: ["tcp 4294967294-4294967294 1-65535"],
    },
  ])("$title", ({ users, ranges }) => {
    const joined = joinUserExclusions(samplePlan({ users }).userExclusions);
    const text = joined.ranges.map(({ protocol, uids, set }) => {
      const ports = (joined.sets[set] ?? []).map(({ first, last }) => `${first}-${last}`);
      return `${protocol} ${uids.first}-${uids.last} ${ports.join()}`;
    });
    expect(text).toEqual(ranges);
  });

  test("equal sets are one", () => {
    const users = Array.from({ length: 1000 }, (_, uid) => `tcp:80,443:${uid * 2}`);
    const { sets, ranges } = joinUserExclusions(samplePlan({ users }).userExclusions);
    expect([sets.length, ranges.length]).toEqual([1, 1000]);
  });

  test("looked up, they say what the rules say", () => {
    const random = generator(20_260_729);
    for (let round = 0; round < 40; round++) {
      const rules = Array.from({ length: 1 + (random() % 12) }, () => randomRule(random));
      const lookup = reader(rules);
      for (let tried = 0; tried < 200; tried++) {
        const protocol = random() % 2 === 0 ? "tcp" : "udp";
        const [uid, port] = [random() % 64, random() % 64];
        const wanted = rules.some(
          (rule) => rule.protocol === protocol && holds(rule.uids, uid) && holds(rule.ports, port),
        );
        expect({ rules, protocol, uid, port, excluded: lookup(protocol, uid, port) }).toMatchObject({
          excluded: wanted,
        });
      }
    }
  });

  test("what ten thousand rules take grows with their number alone", () => {
    const users = Array.from(
      { length: 10_000 },
      (_, i) => `tcp:${i + 1}-${i + 500}:${10 * i}-${10 * i + 12}`,
    );
    const encoded = encodeUserExclusions(samplePlan({ users }));
    // Two ranges for each rule, one of them shared with the next; at most 2 × 15 blocks for a range of ports.
    expect(encoded.users.length).toBeLessThan(10_000 * 2 * 6);
    expect(encoded.ports.length).toBeLessThan(10_000 * 2 * 30);
  });
});

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 8;
  };
}

function randomRule(random: () => number): UserExclusion {
  const ranges = () =>
    Array.from({ length: 1 + (random() % 3) }, () => {
      const first = random() % 60;
      return { first, last: first + (random() % 8) };
    });
  return { protocol: random() % 2 === 0 ? "tcp" : "udp", ports: ranges(), uids: ranges() };
}

function holds(ranges: UserExclusion["uids"], value: number): boolean {
  return ranges.some(({ first, last }) => first <= value && value <= last);
}

/** What the programs do with the two tries: the users' set of ports, then the port in it. */
function reader(rules: readonly UserExclusion[]) {
  const { users, ports } = encodeUserExclusions({ ...samplePlan(), userExclusions: rules });
  return (protocol: "tcp" | "udp", uid: number, port: number): boolean => {
    const who = Buffer.alloc(8);
    who.writeUInt32LE(protocol === "tcp" ? 0 : 1);
    who.writeUInt32BE(uid, 4);
    const found = users.filter(([key]) => matches(key, who));
    expect(found.length).toBeLessThanOrEqual(1);
    const [set] = found;
    if (set === undefined) return false;
    const member = Buffer.alloc(8);
    member.set(set[1]);
    member.writeUInt16BE(port, 4);
    return ports.some((key) => matches(key, member));
  };
}

function matches(key: Uint8Array, data: Uint8Array): boolean {
  const length = Buffer.from(key).readUInt32LE();
  const bit = (bytes: Uint8Array, index: number) => ((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
  for (let index = 0; index < length; index++)
    if (bit(key.subarray(4), index) !== bit(data, index)) return false;
  return true;
}
