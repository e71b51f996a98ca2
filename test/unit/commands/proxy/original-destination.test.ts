import { describe, expect, test } from "vitest";
import {
  decodeSocketAddress,
  type Endpoint,
  refuseLoop,
} from "../../../../src/commands/proxy/original-destination.ts";
import { formatEndpoint, parseAddress } from "../../../../src/core/address.ts";

const V4 = Buffer.from(`02001f900a000002${"00".repeat(8)}`, "hex");
const V6 = Buffer.from(`0a001f9000000000fd00${"00".repeat(13)}0200000000`, "hex");
const MAPPED = Buffer.from(`0a00005000000000${"00".repeat(10)}ffff0a00000200000000`, "hex");

function endpoint(text: string, port: number): Endpoint {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return { address, port };
}

describe("a socket address of the kernel", () => {
  test.each([
    [V4, "10.0.0.2:8080"],
    [V6, "[fd00::2]:8080"],
    [MAPPED, "10.0.0.2:80"],
  ])("is read", (bytes, expected) => {
    const { address, port } = decodeSocketAddress(bytes);
    expect(formatEndpoint(address, port)).toBe(expected);
  });

  test("is read from the middle of a buffer, and does not change with it", () => {
    const buffer = Buffer.concat([Buffer.alloc(3), V4]);
    const { address } = decodeSocketAddress(buffer.subarray(3));
    buffer.fill(0);
    expect([...address.bytes]).toEqual([10, 0, 0, 2]);
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.alloc(1)],
    ["a short IPv4 one", V4.subarray(0, 15)],
    ["a short IPv6 one", V6.subarray(0, 27)],
    ["IPv6's in the size of IPv4's", V6.subarray(0, 16)],
    ["another family", Buffer.alloc(28, 1)],
  ])("is refused: %s", (_, bytes) => {
    expect(() => decodeSocketAddress(bytes)).toThrow(expect.objectContaining({ code: "PROXY_FAILED" }));
  });
});

describe("a destination that is the proxy itself", () => {
  test.each([
    ["127.0.0.1", 15001],
    ["127.3.4.5", 15006],
    ["::1", 15006],
    ["0.0.0.0", 15001],
    ["::", 15001],
  ])("is refused: %s port %i", (address, port) => {
    expect(() => refuseLoop(endpoint(address, port), [15006, 15001])).toThrow(/the proxy/);
  });

  test.each([
    ["127.0.0.1", 8080],
    ["192.0.2.1", 15001],
    ["2001:db8::1", 15006],
  ])("is not another one: %s port %i", (address, port) => {
    expect(() => refuseLoop(endpoint(address, port), [15006, 15001])).not.toThrow();
  });
});
