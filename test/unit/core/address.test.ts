import { BlockList } from "node:net";
import { describe, expect, it } from "vitest";
import {
  type Address,
  formatAddress,
  formatEndpoint,
  formatPrefix,
  isLoopback,
  maskPrefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  sameAddress,
  unmapAddress,
} from "../../../src/core/address.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

function prefix(text: string) {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}

const hex = (text: string) => Buffer.from(address(text).bytes).toString("hex");

describe("parseAddress", () => {
  it.each([
    ["0.0.0.0", "00000000"],
    ["255.255.255.255", "ffffffff"],
    ["10.0.0.1", "0a000001"],
    ["127.0.0.6", "7f000006"],
  ])("reads IPv4 %s", (text, bytes) => {
    expect(address(text).family).toBe(4);
    expect(hex(text)).toBe(bytes);
  });

  it.each([
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["::6", "00000000000000000000000000000006"],
    ["fd00::1:0:2", "fd000000000000000000000100000002"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ["FE80::ABCD", "fe80000000000000000000000000abcd"],
    ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
    ["::ffff:a00:1", "00000000000000000000ffff0a000001"],
    ["64:ff9b::255.1.2.3", "0064ff9b0000000000000000ff010203"],
    ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
    ["0001:0002:0003:0004:0005:0006:0007:0008", "00010002000300040005000600070008"],
  ])("reads IPv6 %s", (text, bytes) => {
    expect(address(text).family).toBe(6);
    expect(hex(text)).toBe(bytes);
  });

  it.each([
    "",
    " ",
    "10.0.0.1 ",
    " 10.0.0.1",
    "010.0.0.1",
    "10.0.0.01",
    "10.0.0",
    "10.0.0.1.1",
    "256.0.0.1",
    "-1.0.0.0",
    "0x7f.0.0.1",
    "2130706433",
    "10.0.0.1/8",
    "10.0.0.1:80",
    "[::1]",
    "::1%lo",
    "fe80::1%eth0",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "::1.2.3",
    "::01.2.3.4",
    "::1.2.3.4:5",
    "::/0",
    "localhost",
    "１.2.3.4",
    "10.0.0.1\n",
    "10.0.0.1\0",
  ])("refuses %j", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("formatAddress", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
    ["0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"],
    ["2001:DB8::A", "2001:db8::a"],
    ["::ffff:a00:1", "::ffff:10.0.0.1"],
    ["::fffe:a00:1", "::fffe:a00:1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ])("writes %s as %s, as RFC 5952 wants it", (text, expected) => {
    expect(formatAddress(address(text))).toBe(expected);
  });

  it("writes what it reads back, for any address", () => {
    for (let i = 0; i < 5000; i++) {
      const bytes = Uint8Array.from({ length: i % 2 ? 4 : 16 }, () =>
        Math.random() < 0.6 ? 0 : Math.random() * 256,
      );
      const original: Address = { family: i % 2 ? 4 : 6, bytes };
      const text = formatAddress(original);
      expect(sameAddress(address(text), original), text).toBe(true);
      // What Node.js's own URL parser makes of it is the canonical form, dots aside.
      if (original.family === 6 && !text.includes("."))
        expect(new URL(`http://[${text}]`).hostname).toBe(`[${text}]`);
    }
  });
});

describe("v4-mapped addresses", () => {
  it("are unmapped, others are not", () => {
    expect(unmapAddress(address("::ffff:10.0.0.1"))).toEqual(address("10.0.0.1"));
    for (const text of ["10.0.0.1", "::1", "::a00:1", "::fffe:a00:1", "1::ffff:a00:1"]) {
      expect(unmapAddress(address(text))).toEqual(address(text));
    }
  });
});

describe("endpoints", () => {
  it("have brackets around IPv6", () => {
    expect(formatEndpoint(address("10.0.0.1"), 80)).toBe("10.0.0.1:80");
    expect(formatEndpoint(address("fd00::1"), 65535)).toBe("[fd00::1]:65535");
    expect(formatEndpoint(address("::ffff:1.2.3.4"), 0)).toBe("[::ffff:1.2.3.4]:0");
  });
});

describe("parsePrefix", () => {
  it.each([
    ["10.0.0.0/8", 8, "10.0.0.0/8"],
    ["10.0.0.1", 32, "10.0.0.1"],
    ["10.0.0.1/32", 32, "10.0.0.1"],
    ["0.0.0.0/0", 0, "0.0.0.0/0"],
    ["::/0", 0, "::/0"],
    ["::1", 128, "::1"],
    ["fd00::/7", 7, "fd00::/7"],
    ["fd00::/128", 128, "fd00::"],
    ["::ffff:10.0.0.0/104", 104, "::ffff:10.0.0.0/104"],
  ])("reads %s", (text, length, written) => {
    expect(prefix(text).length).toBe(length);
    expect(formatPrefix(prefix(text))).toBe(written);
  });

  it.each([
    "",
    "/",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/+8",
    "10.0.0.0/-1",
    "10.0.0.0/8.0",
    "10.0.0.0/ 8",
    "10.0.0.0/8 ",
    "10.0.0.0/8/8",
    "10.0.0.0/255.0.0.0",
    "10.0.0.0/1e1",
    "010.0.0.0/8",
    "10/8",
    "::/129",
    "::/1000",
    "fe80::1%eth0/64",
  ])("refuses %j", (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });
});

describe("prefixContains", () => {
  it.each([
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/9", "10.127.255.255", true],
    ["10.0.0.0/9", "10.128.0.0", false],
    ["0.0.0.0/0", "255.1.2.3", true],
    ["10.0.0.1/32", "10.0.0.1", true],
    ["10.0.0.1/32", "10.0.0.0", false],
    ["10.0.0.1/31", "10.0.0.0", true],
    ["10.1.2.3/8", "10.9.9.9", true],
    ["::/0", "ffff::", true],
    ["::/0", "10.0.0.1", false],
    ["0.0.0.0/0", "::1", false],
    ["fd00::/7", "fc00::", true],
    ["fd00::/7", "fe00::", false],
    ["::1/128", "::1", true],
    ["::1/127", "::", true],
    ["::1/127", "::2", false],
  ])("%s, %s: %s", (range, text, expected) => {
    expect(prefixContains(prefix(range), address(text))).toBe(expected);
  });

  it("agrees with Node.js's BlockList", () => {
    const random = (length: number) => Uint8Array.from({ length }, () => Math.random() * 4);
    for (let i = 0; i < 3000; i++) {
      const family = i % 2 ? 4 : 6;
      const size = family === 4 ? 4 : 16;
      const range = { address: { family, bytes: random(size) } as const, length: 1 + (i % (size * 8)) };
      const candidate: Address = { family, bytes: random(size) };
      const list = new BlockList();
      list.addSubnet(formatAddress(range.address), range.length, `ipv${family}`);
      const expected = list.check(formatAddress(candidate), `ipv${family}`);
      expect(prefixContains(range, candidate), `${formatPrefix(range)} ${formatAddress(candidate)}`).toBe(
        expected,
      );
    }
  });
});

describe("comparisons", () => {
  it("same addresses have the same family and bytes", () => {
    expect(sameAddress(address("::1"), address("0::1"))).toBe(true);
    expect(sameAddress(address("::1"), address("::2"))).toBe(false);
    expect(sameAddress(address("10.0.0.1"), address("::ffff:10.0.0.1"))).toBe(false);
    expect(sameAddress(address("0.0.0.0"), address("::"))).toBe(false);
  });

  it.each([
    ["127.0.0.1", true],
    ["127.255.255.255", true],
    ["128.0.0.0", false],
    ["126.255.255.255", false],
    ["::1", true],
    ["::", false],
    ["::2", false],
    ["::ffff:127.0.0.1", false],
  ])("isLoopback %s: %s", (text, expected) => {
    expect(isLoopback(address(text))).toBe(expected);
  });
});

describe("maskPrefix", () => {
  it.each([
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["255.255.255.255/0", "0.0.0.0/0"],
    ["10.1.2.255/25", "10.1.2.128/25"],
    ["10.1.2.3/32", "10.1.2.3"],
    ["fd66:ffff::1/17", "fd66:8000::/17"],
    ["fd00::ff/125", "fd00::f8/125"],
    ["fd00::1/128", "fd00::1"],
  ])("takes away what is behind the length: %s", (text, expected) => {
    expect(formatPrefix(maskPrefix(prefix(text)))).toBe(expected);
  });

  it("leaves the address that it was given as it is", () => {
    const given = prefix("10.1.2.3/8");
    maskPrefix(given);
    expect(formatPrefix(given)).toBe("10.1.2.3/8");
  });
});
