import { describe, expect, test } from "vitest";
import { formatAddress, formatPrefix } from "../../../src/core/address.ts";
import { parseInterfaces, parseLocalRoutes } from "../../../src/host/ip-json.ts";

const LINK = { ifindex: 1, ifname: "lo", flags: ["LOOPBACK", "UP", "LOWER_UP"], addr_info: [] };

function interfaces(...entries: readonly object[]) {
  return parseInterfaces(JSON.stringify(entries)).map((each) => ({
    ...each,
    addresses: each.addresses.map(formatAddress),
  }));
}

function routes(family: 4 | 6, ...entries: readonly object[]) {
  return parseLocalRoutes(JSON.stringify(entries), family).map(
    ({ prefix, kind }) => `${kind} ${formatPrefix(prefix)}`,
  );
}

describe("interfaces", () => {
  test("have their addresses, tentative and failed ones too", () => {
    const eth0 = {
      ifindex: 4,
      link_index: 5,
      ifname: "eth0",
      flags: ["BROADCAST", "MULTICAST"],
      addr_info: [
        { family: "inet", local: "10.0.0.1", address: "10.0.0.2", prefixlen: 32 },
        { family: "inet6", local: "fd00::2", prefixlen: 64, tentative: true },
        { family: "inet6", local: "fd00::3", prefixlen: 64, dadfailed: true },
        { family: "mctp", local: "8" },
      ],
    };
    expect(interfaces(LINK, eth0)).toEqual([
      { name: "lo", index: 1, up: true, loopback: true, addresses: [] },
      { name: "eth0", index: 4, up: false, loopback: false, addresses: ["10.0.0.1", "fd00::2", "fd00::3"] },
    ]);
  });

  test.each([
    ["no JSON", "lo: <LOOPBACK>"],
    ["no list", "{}"],
    ["an entry that is none", "[1]"],
    ["no name", JSON.stringify([{ ...LINK, ifname: undefined }])],
    ["no index", JSON.stringify([{ ...LINK, ifindex: 0 }])],
    ["no flags", JSON.stringify([{ ...LINK, flags: "UP" }])],
    ["no address", JSON.stringify([{ ...LINK, addr_info: [{ family: "inet", local: "010.0.0.1" }] }])],
  ])("are not guessed from %s", (_, json) => {
    expect(() => parseInterfaces(json)).toThrow(
      expect.objectContaining({
        code: "COMMAND_FAILED",
        message: expect.stringContaining("ip -json address show printed something unexpected"),
        log: json,
      }),
    );
  });
});

describe("local routes", () => {
  test("are local or broadcast, each once", () => {
    expect(
      routes(
        4,
        { type: "local", dst: "127.0.0.0/8", dev: "lo" },
        { type: "local", dst: "192.0.2.2", dev: "eth0" },
        { type: "local", dst: "192.0.2.2", dev: "eth1" },
        { type: "broadcast", dst: "192.0.2.255", dev: "eth0" },
        { type: "unreachable", dst: "192.0.2.9" },
        { dst: "192.0.2.10", dev: "eth0" },
      ),
    ).toEqual(["local 127.0.0.0/8", "local 192.0.2.2", "broadcast 192.0.2.255"]);
  });

  test("of IPv6 leave multicast and anycast out", () => {
    expect(
      routes(
        6,
        { type: "local", dst: "::1", dev: "lo" },
        { type: "anycast", dst: "fd00::", dev: "eth0" },
        { type: "multicast", dst: "ff00::/8", dev: "eth0" },
        { type: "local", dst: "default", dev: "lo" },
      ),
    ).toEqual(["local ::1", "local ::/0"]);
  });

  test("may be none at all", () => {
    expect(parseLocalRoutes("", 6)).toEqual([]);
    expect(parseLocalRoutes("[ ]\n", 4)).toEqual([]);
  });

  test("of the other family are refused", () => {
    expect(() => routes(4, { type: "local", dst: "::1" })).toThrow(/"::1" is no IPv4 prefix/);
  });
});
