import { describe, expect, test } from "vitest";
import {
  parseAddressList,
  parseBoolean,
  parseEngineChoice,
  parseIpFamilyMode,
  parseMilliseconds,
  parseNonEmptyPath,
  parsePath,
  parsePort,
  parsePortList,
  parseText,
  parseWhenProxyDown,
  type ValueParser,
  wholeNumber,
} from "../../../src/config/values.ts";
import { formatAddress } from "../../../src/core/address.ts";

function read<T>(parse: ValueParser<T>, text: string): { value: T; problems: readonly string[] } {
  const problems: string[] = [];
  const value = parse(text, (message) => problems.push(message));
  return { value, problems };
}

describe("a switch", () => {
  test.each(["1", "t", "T", "true", "TRUE", "True"])("is on: %s", (text) => {
    expect(read(parseBoolean, text)).toEqual({ value: true, problems: [] });
  });
  test.each(["0", "f", "F", "false", "FALSE", "False"])("is off: %s", (text) => {
    expect(read(parseBoolean, text)).toEqual({ value: false, problems: [] });
  });
  // The first three are words that Go does not know either; YAML and people do.
  test.each(["yes", "on", "tRUE", "", " true", "2"])("is neither: %j", (text) => {
    expect(read(parseBoolean, text).problems).toEqual([`${JSON.stringify(text)} is neither true nor false`]);
  });
});

describe("a port", () => {
  test.each([
    ["1", 1],
    ["80", 80],
    ["65535", 65535],
  ])("is read: %s", (text, port) => {
    expect(read(parsePort, text)).toEqual({ value: port, problems: [] });
  });
  const wrong = [
    "0",
    "65536",
    "70000",
    "x",
    "",
    "+5",
    "-1",
    "0x50",
    "0080",
    "1e3",
    "80.0",
    " 80",
    "80 ",
    "8_0",
    "８０",
    "1\0",
  ];
  test.each(wrong)("is refused: %j", (text) => {
    expect(read(parsePort, text).problems).toEqual([expect.stringContaining("is not a port")]);
  });
  test("is quoted in the message, cut where it is long", () => {
    expect(read(parsePort, "9".repeat(1000)).problems[0]).toHaveLength(
      101 + 2 + " is not a port: it must be a whole number from 1 to 65535".length,
    );
  });
});

describe("a whole number", () => {
  test.each(["0", "7"])("is read: %s", (text) => {
    expect(read(wholeNumber(0, 7), text)).toEqual({ value: Number(text), problems: [] });
  });
  test.each(["8", "-1", "", "07", "0x1", "1e0", "1.0", " 1", "1_0", "99999999999999999999"])(
    "is refused: %j",
    (text) => {
      expect(read(wholeNumber(0, 7), text).problems).toEqual([
        `${JSON.stringify(text)} is not a whole number from 0 to 7`,
      ]);
    },
  );
});

describe("a duration", () => {
  test("is in milliseconds, up to 24 days", () => {
    expect(read(parseMilliseconds, "1m30s")).toEqual({ value: 90_000, problems: [] });
    expect(read(parseMilliseconds, "576h")).toEqual({ value: 2_073_600_000, problems: [] });
  });
  test.each([
    ["5", /write 2s, 500ms/],
    ["-1s", /write 2s/],
    ["2 s", /write 2s/],
    ["600h", /24 days/],
    [`${"9".repeat(400)}h`, /24 days/],
  ])("is refused with the reason: %s", (text, reason) => {
    expect(read(parseMilliseconds, text).problems).toEqual([expect.stringMatching(reason)]);
  });
});

test.each(["", "auto", "ebpf", "iptables"])("an engine: %j", (text) => {
  expect(read(parseEngineChoice, text)).toEqual({ value: text, problems: [] });
});

test.each(["nft", "eBPF", " ebpf"])("no engine: %j", (text) => {
  expect(read(parseEngineChoice, text).problems).toEqual([expect.stringContaining(JSON.stringify(text))]);
});

describe("a list of ports", () => {
  test.each([
    ["", []],
    ["  ", []],
    ["80", [80]],
    ["443,80", [80, 443]],
    [" 80 ,\t443 ", [80, 443]],
    ["80,80", [80]],
  ])("is read, ascending and each once: %j", (text, ports) => {
    expect(read(parsePortList, text)).toEqual({ value: ports, problems: [] });
  });
  test("is long", () => {
    const all = Array.from({ length: 65535 }, (_, index) => index + 1);
    expect(read(parsePortList, all.join(","))).toEqual({ value: all, problems: [] });
  });
  test("has each of its problems reported", () => {
    expect(read(parsePortList, "80,,0,x,1 2").problems).toHaveLength(4);
  });
});

describe("a list of addresses", () => {
  test.each([
    ["", []],
    ["10.0.0.1", ["10.0.0.1"]],
    ["10.0.0.2, fd00::1,10.0.0.1", ["10.0.0.2", "fd00::1", "10.0.0.1"]],
    ["10.0.0.1,::ffff:10.0.0.1,10.0.0.1", ["10.0.0.1"]],
    ["FD00:0::1,fd00::1", ["fd00::1"]],
  ])("is read, in its order and each once: %j", (text, expected) => {
    const { value, problems } = read(parseAddressList, text);
    expect(value.map(formatAddress)).toEqual(expected);
    expect(problems).toEqual([]);
  });
  test.each([
    ["010.0.0.1", /leading zeros/],
    ["10.0.00.1", /leading zeros/],
    ["fe80::1%eth0", /without an interface/],
    ["10.0.0.0/8", /without a prefix length/],
    ["example.org", /write 10\.0\.0\.1/],
    ["10.0.0", /is not an IP address/],
    ["10.0.0.256", /is not an IP address/],
    ["1::2::3", /is not an IP address/],
    ["10.0.0.1,", /"" is not an IP address/],
  ])("is refused with the reason: %s", (text, reason) => {
    expect(read(parseAddressList, text).problems).toEqual([expect.stringMatching(reason)]);
  });
});

test.each(["dualstack", "DualStack", "ipv4", "IPv4"])("an IP family mode in any case: %s", (text) => {
  expect(read(parseIpFamilyMode, text)).toEqual({ value: text.toLowerCase(), problems: [] });
});

test.each(["", "ipv6", "4", "dual stack"])("no IP family mode: %j", (text) => {
  expect(read(parseIpFamilyMode, text).problems).toHaveLength(1);
});

describe("a path", () => {
  test("is absolute afterwards, and nothing stays nothing", () => {
    expect(read(parsePath, "/a//b/").value).toBe("/a/b");
    expect(read(parsePath, "a").value).toBe(`${process.cwd()}/a`);
    expect(read(parsePath, "").value).toBe("");
  });
  test("may have to be there", () => {
    expect(read(parseNonEmptyPath, "").problems).toHaveLength(1);
    expect(read(parseNonEmptyPath, "/a").problems).toEqual([]);
  });
  test("has no NUL byte", () => {
    expect(read(parsePath, "/a\0b").problems).toEqual([expect.stringContaining("NUL")]);
    expect(read(parseText, "a\0b").problems).toEqual([expect.stringContaining("NUL")]);
  });
});

test.each(["refuse", "bypass"])("what to do while the proxy is down: %j", (text) => {
  expect(read(parseWhenProxyDown, text)).toEqual({ value: text, problems: [] });
});

test.each(["", "Bypass", "drop"])("nothing to do while the proxy is down: %j", (text) => {
  expect(read(parseWhenProxyDown, text).problems).toEqual([expect.stringMatching(/"refuse" or "bypass"/)]);
});
