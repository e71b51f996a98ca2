import { describe, expect, test } from "vitest";
import type { UserExclusion } from "../../../src/config/config.ts";
import { parseUserRules } from "../../../src/config/user-rules.ts";
import type { NumberRange } from "../../../src/core/ranges.ts";

function read(text: string): { rules: readonly string[]; problems: readonly string[] } {
  const problems: string[] = [];
  const rules = parseUserRules(text, (message) => problems.push(message));
  return { rules: rules.map(write), problems };
}

function write({ protocol, ports, uids }: UserExclusion): string {
  return `${protocol} ${ranges(ports)} ${ranges(uids)}`;
}

function ranges(list: readonly NumberRange[]): string {
  return list.map(({ first, last }) => `${first}-${last}`).join(",");
}

describe("a rule", () => {
  test.each([
    ["1003", ["tcp 1-65535 1003-1003", "udp 1-65535 1003-1003"]],
    ["80:1002", ["tcp 80-80 1002-1002", "udp 80-80 1002-1002"]],
    ["tcp:22:1000-2000", ["tcp 22-22 1000-2000"]],
    ["udp:53:1001", ["udp 53-53 1001-1001"]],
    ["UDP : 53, 3000-5000 : 106-108", ["udp 53-53,3000-5000 106-108"]],
    ["tcp:*:1", ["tcp 1-65535 1-1"]],
    ["tcp::1", ["tcp 1-65535 1-1"]],
    [":1", ["tcp 1-65535 1-1", "udp 1-65535 1-1"]],
    ["*:80:1", ["tcp 80-80 1-1", "udp 80-80 1-1"]],
    [":80:1", ["tcp 80-80 1-1", "udp 80-80 1-1"]],
    ["udp,tcp:80:1", ["udp 80-80 1-1", "tcp 80-80 1-1"]],
    ["tcp,tcp:80:1", ["tcp 80-80 1-1"]],
    ["443,80:0,7,1-3", ["tcp 443-443,80-80 0-0,7-7,1-3", "udp 443-443,80-80 0-0,7-7,1-3"]],
    ["tcp:1-65535:4294967294", ["tcp 1-65535 4294967294-4294967294"]],
  ])("is read: %j", (text, rules) => {
    expect(read(text)).toEqual({ rules, problems: [] });
  });

  test("has any number of ports", () => {
    const ports = Array.from({ length: 1000 }, (_, index) => String(index + 1)).join(",");
    expect(read(`tcp:${ports}:1`).rules[0]?.split(",")).toHaveLength(1000);
  });

  test.each([
    ["tcp:1000", /two parts are ports and UIDs; .* write tcp::1000/],
    ["tcp:80:1:2", /too many parts/],
    ["icmp:80:1", /"icmp" is not a protocol/],
    ["tcp,:80:1", /"" is not a protocol/],
    ["*", /UIDs must be named/],
    ["80:*", /UIDs must be named/],
    ["tcp:80:", /UIDs must be named/],
    [":", /UIDs must be named/],
    ["80:*,1", /"\*" is no UID/],
    ["80:kuma-dp", /"kuma-dp" is no UID/],
    ["80:4294967295", /no UID/],
    ["80:1-4294967295", /no UID/],
    ["80:9-1", /range 9-1 is the wrong way round/],
    ["80:-1", /no UID/],
    ["80:1-", /no UID/],
    ["80:1-2-3", /no UID/],
    ["80:0x10", /no UID/],
    ["80:010", /no UID/],
    ["80:1,", /"" is no UID/],
    ["80,,81:1", /"" is no port/],
    ["0:1", /"0" is no port/],
    ["0-80:1", /"0-80" is no port/],
    ["65536:1", /no port/],
    ["81-80:1", /wrong way round/],
    ["*,80:1", /"\*" is no port/],
    ["80 81:1", /no port/],
    ["80:1\n-A OUTPUT -j ACCEPT", /no UID/],
    ["80:1 -j ACCEPT", /no UID/],
  ])("is refused with the reason: %j", (text, reason) => {
    const { problems } = read(text);
    expect(problems).toEqual([expect.stringMatching(reason)]);
    expect(problems[0]?.startsWith(JSON.stringify(text))).toBe(true);
  });

  test("has all of its problems reported", () => {
    expect(read("x:0:9-1").problems).toHaveLength(3);
  });
});

describe("rules", () => {
  test("have semicolons between them, commas inside", () => {
    expect(read("tcp:80,81:1 ; udp:53:2,3")).toEqual({
      rules: ["tcp 80-80,81-81 1-1", "udp 53-53 2-2,3-3"],
      problems: [],
    });
  });
  test.each(["", "  "])("may be none: %j", (text) => {
    expect(read(text)).toEqual({ rules: [], problems: [] });
  });
  test.each(["1;", ";1", "1;;2"])("are not empty: %j", (text) => {
    expect(read(text).problems).toEqual([expect.stringMatching(/^"": the UIDs must be named/)]);
  });
});
