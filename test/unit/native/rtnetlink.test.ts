import { describe, expect, test } from "vitest";
import { formatAddress, formatPrefix, parseAddress } from "../../../src/core/address.ts";
import {
  addAddressRequest,
  decodeAddress,
  decodeLink,
  decodeRoute,
  removeAddressRequest,
} from "../../../src/native/rtnetlink.ts";

/*
 * What Linux 6.18 says of a namespace with lo and a veth pair, without the headers; of the links only the beginning. Words
 * of <linux/rtnetlink.h> stand apart, and every attribute does.
 */

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

describe("a link", () => {
  test.each([
    ["lo, never up", "00000403 01000000 08000000 00000000 07000300 6c6f0000", "lo", 1, false, true],
    [
      "lo, up",
      "00000403 01000000 49000100 00000000 07000300 6c6f0000 08000d00 e8030000",
      "lo",
      1,
      true,
      true,
    ],
    ["down", "00000100 02000000 02100000 00000000 09000300 6873743100 000000", "hst1", 2, false, false],
    [
      "up, no carrier",
      "00000100 03000000 03100000 00000000 09000300 6873743000 000000",
      "hst0",
      3,
      true,
      false,
    ],
    [
      "its number is high",
      "00000100 01000100 03100000 00000000 05001000 02000000 13000300 617364666768717765727a78637662 0000",
      "asdfghqwerzxcvb",
      65537,
      true,
      false,
    ],
  ])("%s", (_, message, name, index, up, loopback) => {
    expect(decodeLink(bytes(message))).toEqual({ index, name, up, loopback });
  });

  test("without a name is a bug", () => {
    expect(() => decodeLink(bytes("00000403 01000000 08000000 00000000"))).toThrow(
      expect.objectContaining({ code: "INTERNAL", message: expect.stringContaining("interface 1") }),
    );
  });
});

const CACHE = "14000600 ffffffff ffffffff a99f1400 a99f1400";

describe("an address", () => {
  test.each([
    [
      "of IPv4",
      `020880fe 01000000 08000100 7f000001 08000200 7f000001 07000300 6c6f0000 08000800 80000000 ${CACHE}`,
      "1 127.0.0.1",
    ],
    [
      "of IPv4 with a peer",
      `02208000 03000000 08000100 0a000002 08000200 0a000001 09000300 68737430 00000000 08000800 80000000 ${CACHE}`,
      "3 10.0.0.1",
    ],
    [
      "of IPv4 with a broadcast address and a label",
      `02188000 03000000 08000100 0a000009 08000200 0a000009 08000400 0a0000ff 0b000300 68737430 3a780000 ${CACHE}`,
      "3 10.0.0.9",
    ],
    [
      "of IPv6",
      `0a8080fe 01000000 14000100 00000000 00000000 00000000 00000001 ${CACHE} 08000800 80000000 05000b00 01000000`,
      "1 ::1",
    ],
    [
      "of IPv6, tentative",
      `0a40c000 03000000 14000100 fd000000 00000000 00000000 00000003 ${CACHE} 08000800 c0000000`,
      "3 fd00::3",
    ],
    [
      "of IPv6 with a peer",
      `0a80c000 03000000 14000200 fd000000 00000000 00000000 00000001
       14000100 fd000000 00000000 00000000 00000002 ${CACHE} 08000800 c0000000`.replaceAll("\n", ""),
      "3 fd00::1",
    ],
    [
      "of IPv6 with the peer first",
      `0a80c000 03000000 14000100 fd000000 00000000 00000000 00000002
       14000200 fd000000 00000000 00000000 00000001`.replaceAll("\n", ""),
      "3 fd00::1",
    ],
  ])("%s", (_, message, expected) => {
    const found = decodeAddress(bytes(message));
    expect(found && `${found.index} ${formatAddress(found.address)}`).toBe(expected);
  });

  test.each([
    ["of another protocol (AF_MCTP)", "2d000000 03000000 05000200 08000000"],
    ["that is none", "02208000 03000000 08000800 80000000"],
  ])("%s is none", (_, message) => {
    expect(decodeAddress(bytes(message))).toBeUndefined();
  });
});

describe("a route", () => {
  test.each([
    [
      "local",
      "02080000 ff02fe02 00000000 08000f00 ff000000 08000100 7f000000 08000700 7f000001 08000400 01000000",
      "255 2 127.0.0.0/8",
    ],
    [
      "broadcast",
      "02200000 ff02fd03 10000000 08000f00 ff000000 08000100 0a0000ff 08000700 0a000009 08000400 03000000",
      "255 3 10.0.0.255",
    ],
    ["unreachable", "02200000 ff030007 00000000 08000f00 ff000000 08000100 c0000209", "255 7 192.0.2.9"],
    ["IPv4 default", "02000000 ff03fe02 00000000 08000f00 ff000000 08000400 01000000", "255 2 0.0.0.0/0"],
    [
      "IPv6",
      "0a800000 ff020002 00000000 08000f00 ff000000 14000100 00000000 00000000 00000000 00000001 08000600 00000000",
      "255 2 ::1",
    ],
    ["IPv6 default", "0a000000 ff030002 00000000 08000f00 ff000000 08000600 00040000", "255 2 ::/0"],
    [
      "of a table above 255",
      "02180000 fc03fe01 00000000 08000f00 ff010000 08000100 0a000000",
      "511 1 10.0.0.0/24",
    ],
    ["of a table that has no attribute", "02180000 fe03fe01 00000000 08000100 0a000000", "254 1 10.0.0.0/24"],
  ])("%s", (_, message, expected) => {
    const found = decodeRoute(bytes(message));
    expect(found && `${found.table} ${found.type} ${formatPrefix(found.prefix)}`).toBe(expected);
  });

  test.each([
    ["of another protocol (AF_MPLS)", "1c140000 fe000001 00000000 08000f00 fe000000 08000100 00064100"],
    [
      "that was copied for a destination",
      "0a800000 ff000002 00020000 14000100 fd00000000000000 0000000000000009",
    ],
  ])("%s is none", (_, message) => {
    expect(decodeRoute(bytes(message))).toBeUndefined();
  });
});

describe("the request to the kernel", () => {
  const local = (hex: string) => `${hex.length === 8 ? "0800" : "1400"}0200${hex}`;
  const main = (hex: string) => `${hex.length === 8 ? "0800" : "1400"}0100${hex}`;

  test.each([
    ["::6, without asking who else has it", "::6", `0a800200 01000000`, "00000000000000000000000000000006"],
    ["an IPv4 address of this host alone", "127.0.0.6", "022000fe 01000000", "7f000006"],
    ["an IPv4 address for everybody", "192.0.2.6", "02200000 01000000", "c0000206"],
  ])("that adds or removes %s", (_, text, header, hex) => {
    const address = parseAddress(text) ?? expect.fail(`${text} is no address`);
    const body = bytes(header + local(hex) + main(hex));
    expect(addAddressRequest(1, address)).toEqual({ type: 20, flags: 0x600, body });
    expect(removeAddressRequest(1, address)).toEqual({ type: 21, flags: 0, body });
  });
});
