import { describe, expect, test } from "vitest";
import { parsePrefixList, parseVirtualNetworks } from "../../../src/config/networks.ts";
import type { ValueParser } from "../../../src/config/values.ts";
import { formatPrefix } from "../../../src/core/address.ts";

function read<T>(parse: ValueParser<T>, text: string): { value: T; problems: readonly string[] } {
  const problems: string[] = [];
  const value = parse(text, (message) => problems.push(message));
  return { value, problems };
}

describe("a list of prefixes", () => {
  test.each([
    ["", []],
    ["10.0.0.1", ["10.0.0.1"]],
    ["10.0.0.0/8, fd00::/8 ,10.0.0.1", ["10.0.0.0/8", "fd00::/8", "10.0.0.1"]],
    ["10.1.2.3/8", ["10.0.0.0/8"]],
    ["10.255.255.255/9", ["10.128.0.0/9"]],
    ["10.1.2.3/0", ["0.0.0.0/0"]],
    ["fd00::1:2:3/65", ["fd00::/65"]],
    ["fd00::8000:2:3:4/65", ["fd00::8000:0:0:0/65"]],
    ["::1/0", ["::/0"]],
    ["10.1.2.3/8,10.9.9.9/8", ["10.0.0.0/8"]],
    ["10.0.0.1/32,10.0.0.1", ["10.0.0.1"]],
    ["::ffff:10.0.0.1", ["10.0.0.1"]],
    ["::ffff:10.1.2.3/104", ["10.0.0.0/8"]],
    ["::ffff:10.1.2.3/96", ["0.0.0.0/0"]],
    ["::ffff:10.1.2.3/95", ["::fffe:0:0/95"]],
  ])("is read, without host bits and each once: %s", (text, expected) => {
    const { value, problems } = read(parsePrefixList, text);
    expect(value.map(formatPrefix)).toEqual(expected);
    expect(problems).toEqual([]);
  });

  test.each([
    ["10.0.0.0/33", /write 10\.0\.0\.1, 10\.0\.0\.0\/8/],
    ["fd00::/129", /is not an IP address or prefix/],
    ["10.0.0.0/", /is not an IP address or prefix/],
    ["10.0.0.0/08", /is not an IP address or prefix/],
    ["10.0.0.0/255.0.0.0", /is not an IP address or prefix/],
    ["010.0.0.0/8", /leading zeros/],
    ["fe80::1%eth0/64", /without an interface/],
    ["example.org", /is not an IP address or prefix/],
    ["!10.0.0.0/8", /is not an IP address or prefix/],
    ["10.0.0.1,", /"" is not/],
    ["10.0.0.1 -j ACCEPT", /is not an IP address or prefix/],
    ["10.0.0.1\n-A OUTPUT", /is not an IP address or prefix/],
  ])("is refused with the reason: %j", (text, reason) => {
    expect(read(parsePrefixList, text).problems).toEqual([expect.stringMatching(reason)]);
  });
});

describe("virtual networks", () => {
  test.each([
    ["", []],
    ["docker0:172.17.0.0/16", ["docker0 172.17.0.0/16"]],
    ["br+:172.18.0.1/16, br+:172.19.0.0/16", ["br+ 172.18.0.0/16", "br+ 172.19.0.0/16"]],
    ["iface:::1/64", ["iface ::/64"]],
    ["a.b-c_d@e:fd00::/64", ["a.b-c_d@e fd00::/64"]],
    ["abcdefghijklmno:10.0.0.0/8", ["abcdefghijklmno 10.0.0.0/8"]],
    ["abcdefghijklmn+:10.0.0.0/8", ["abcdefghijklmn+ 10.0.0.0/8"]],
  ])("are an interface and its prefix, apart at the first colon: %s", (text, expected) => {
    const { value, problems } = read(parseVirtualNetworks, text);
    expect(value.map((each) => `${each.interface} ${formatPrefix(each.prefix)}`)).toEqual(expected);
    expect(problems).toEqual([]);
  });

  test.each([
    ["docker0", /write INTERFACE:PREFIX/],
    ["docker0:", /"" is not a prefix/],
    ["docker0:172.17.0.1", /with its length/],
    ["docker0:172.17.0.0/33", /is not an IP address or prefix/],
    ["docker0:10.0.0.0/8 -j ACCEPT", /is not an IP address or prefix/],
    ["docker0:10.0.0.0/8,", /write INTERFACE:PREFIX/],
  ])("are refused with the reason: %j", (text, reason) => {
    expect(read(parseVirtualNetworks, text).problems).toEqual([expect.stringMatching(reason)]);
  });

  test.each([
    ["", /there is none/],
    ["+", /there is none/],
    ["abcdefghijklmnop", /longer than 15/],
    ["abcdefghijklmno+", /longer than 15/],
    [".", /directory/],
    ["..", /directory/],
    ["-i", /begins with -/],
    ["!eth0", /begins with - or !/],
    ["a b", /blanks/],
    ["a\tb", /blanks/],
    ["a\nb", /control characters/],
    ["a\0b", /control characters/],
    ["ä", /beyond ASCII/],
    ["a/b", /slash/],
    ['a"b', /quotes/],
    ["a'b", /quotes/],
    ["a\\b", /backslash/],
  ])("have no interface named %j", (name, reason) => {
    expect(read(parseVirtualNetworks, `${name}:10.0.0.0/8`).problems).toEqual([
      expect.stringMatching(reason),
    ]);
  });
});
