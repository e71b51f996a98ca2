import { describe, expect, expectTypeOf, it } from "vitest";
import { bytes, U8, U16, U32, U64 } from "../../../src/bpf/codec.ts";
import { type StructValue, structCodec } from "../../../src/bpf/layout.ts";
import { TproxyError } from "../../../src/core/errors.ts";

const INNER = {
  name: "tp_inner",
  size: 8,
  fields: {
    port: { kind: "integer", offset: 0, size: 2, signed: false, big: true },
    pad: { kind: "integer", offset: 2, size: 2, signed: false, big: false },
    addr: { kind: "bytes", offset: 4, size: 4 },
  },
} as const;

const OUTER = {
  name: "tp_outer",
  size: 48,
  fields: {
    big: { kind: "integer", offset: 0, size: 8, signed: false, big: false },
    negative: { kind: "integer", offset: 8, size: 4, signed: true, big: false },
    shorts: { kind: "integer", offset: 12, size: 2, signed: false, big: false, length: 2 },
    flag: { kind: "integer", offset: 16, size: 1, signed: false, big: false },
    inner: { kind: "struct", offset: 20, layout: INNER },
    inners: { kind: "struct", offset: 28, layout: INNER, length: 2 },
    _end: { kind: "bytes", offset: 44, size: 4 },
  },
} as const;

const inner = (port: number) => ({ port, addr: Uint8Array.of(10, 0, 0, port) });
const value = {
  big: 0x1122334455667788n,
  negative: -2,
  shorts: [1, 0xffff],
  flag: 255,
  inner: inner(80),
  inners: [inner(1), inner(2)],
};

describe("a struct", () => {
  const codec = structCodec(OUTER);

  it("is written where C has its members", () => {
    expect(Buffer.from(codec.encode(value)).toString("hex")).toBe(
      ["8877665544332211", "feffffff", "0100ffff", "ff000000"].join("") +
        ["00500000", "0a000050", "00010000", "0a000001", "00020000", "0a000002", "00000000"].join(""),
    );
  });

  it("is read as it was written, without its padding", () => {
    expect(codec.decode(codec.encode(value))).toEqual(value);
    expect(codec.size).toBe(48);
  });

  it("is read from the middle of a buffer", () => {
    const padded = Buffer.concat([Buffer.alloc(3), codec.encode(value)]);
    expect(codec.decode(padded.subarray(3))).toMatchObject({ negative: -2, shorts: [1, 65535] });
  });

  it("has the types that follow from its layout", () => {
    type Value = StructValue<typeof OUTER>;
    expectTypeOf<Value["big"]>().toEqualTypeOf<bigint>();
    expectTypeOf<Value["shorts"]>().toEqualTypeOf<readonly number[]>();
    expectTypeOf<Value["inner"]["addr"]>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<keyof Value["inner"]>().toEqualTypeOf<"port" | "addr">();
    expectTypeOf<keyof Value>().toEqualTypeOf<"big" | "negative" | "shorts" | "flag" | "inner" | "inners">();
  });

  it.each([
    ["too large", { ...value, flag: 256 }, "tp_outer.flag has no room for 256"],
    ["negative", { ...value, flag: -1 }, "tp_outer.flag has no room for -1"],
    ["too small", { ...value, negative: -(2 ** 31) - 1 }, "tp_outer.negative has no room"],
    ["64 bits too large", { ...value, big: 2n ** 64n }, "tp_outer.big has no room"],
    ["a fraction", { ...value, flag: 1.5 }, "tp_outer.flag wants an integer"],
    ["no number", { ...value, flag: Number.NaN }, "tp_outer.flag wants an integer"],
    ["a short array", { ...value, shorts: [1] }, "tp_outer.shorts wants 2 elements"],
    [
      "a long array",
      { ...value, inners: [inner(1), inner(1), inner(1)] },
      "tp_outer.inners wants 2 elements",
    ],
    [
      "bytes of another length",
      { ...value, inner: { port: 1, addr: new Uint8Array(16) } },
      "tp_inner.addr wants 4",
    ],
  ])("refuses a value that is %s", (_, wrong, message) => {
    expect(() => codec.encode(wrong)).toThrow(message);
  });

  it("refuses what only the compiler should have caught", () => {
    const missing: Partial<typeof value> = { ...value };
    delete missing.inner;
    expect(() => codec.encode(missing as typeof value)).toThrow("tp_outer.inner wants a struct");
    expect(() => codec.decode(new Uint8Array(47))).toThrow("tp_outer has 48 bytes, not 47");
  });
});

describe("plain codecs", () => {
  it("write little-endian integers", () => {
    expect(U8.encode(7)).toEqual(Uint8Array.of(7));
    expect(U16.encode(0x102)).toEqual(Uint8Array.of(2, 1));
    expect(U32.encode(0xfffffffe)).toEqual(Uint8Array.of(0xfe, 0xff, 0xff, 0xff));
    expect(U64.encode(1n)).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    expect(U8.decode(U8.encode(200))).toBe(200);
    expect(U16.decode(U16.encode(65535))).toBe(65535);
    expect(U32.decode(U32.encode(2 ** 32 - 1))).toBe(2 ** 32 - 1);
    expect(U64.decode(U64.encode(2n ** 64n - 1n))).toBe(2n ** 64n - 1n);
  });

  it("pass bytes on if they are as many as there should be", () => {
    expect(bytes(2).encode(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2));
    expect(() => bytes(2).encode(Uint8Array.of(1))).toThrow(TproxyError);
  });
});
