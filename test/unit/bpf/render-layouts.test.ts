import { describe, expect, it } from "vitest";
import { type BtfType, renderLayouts } from "../../../scripts/render-layouts.ts";

const INT = { id: 1, kind: "INT", name: "unsigned int", size: 4, encoding: "(none)" };
const BE32 = { id: 2, kind: "TYPEDEF", name: "__be32", type_id: 1 };
const SHORT = { id: 3, kind: "INT", name: "short", size: 2, encoding: "SIGNED" };
const BE16 = { id: 4, kind: "TYPEDEF", name: "__be16", type_id: 3 };
const CHAR = { id: 5, kind: "INT", name: "unsigned char", size: 1, encoding: "(none)" };
const basics: readonly BtfType[] = [INT, BE32, SHORT, BE16, CHAR];

function fieldOf(...types: readonly BtfType[]): string {
  const members = [{ name: "x", type_id: 10, bits_offset: 64 }];
  const struct = { id: 99, kind: "STRUCT", name: "tp_s", size: 16, members };
  return /x: (\{.*\}),/.exec(renderLayouts([...basics, ...types, struct]))?.[1] ?? "";
}

describe("a member becomes", () => {
  it.each([
    [
      "an integer",
      [{ id: 10, kind: "TYPEDEF", name: "__u32", type_id: 1 }],
      /"integer".*size: 4, signed: false, big: false/,
    ],
    [
      "a signed one",
      [{ id: 10, kind: "CONST", name: "(anon)", type_id: 3 }],
      /"integer".*size: 2, signed: true/,
    ],
    [
      "one in network order",
      [{ id: 10, kind: "VOLATILE", name: "(anon)", type_id: 4 }],
      /size: 2,.* big: true/,
    ],
    ["an address", [{ id: 10, kind: "CONST", name: "(anon)", type_id: 2 }], /"bytes", offset: 8, size: 4 /],
    [
      "an IPv6 address",
      [{ id: 10, kind: "ARRAY", name: "(anon)", type_id: 2, nr_elems: 4 }],
      /"bytes", offset: 8, size: 16 /,
    ],
    [
      "bytes",
      [{ id: 10, kind: "ARRAY", name: "(anon)", type_id: 5, nr_elems: 6 }],
      /"bytes", offset: 8, size: 6 /,
    ],
    [
      "an array",
      [{ id: 10, kind: "ARRAY", name: "(anon)", type_id: 3, nr_elems: 6 }],
      /size: 2,.* length: 6/,
    ],
    [
      "a number, for an enum",
      [{ id: 10, kind: "ENUM", name: "e", size: 4, encoding: "UNSIGNED" }],
      /"integer".*size: 4/,
    ],
    [
      "a struct",
      [{ id: 10, kind: "STRUCT", name: "tp_a", size: 4, members: [] }],
      /"struct", offset: 8, layout: TP_A /,
    ],
    ["bytes, for a union", [{ id: 10, kind: "UNION", name: "u", size: 8 }], /"bytes", offset: 8, size: 8 /],
  ])("%s", (_, types, expected) => {
    expect(fieldOf(...types)).toMatch(expected);
  });

  it.each([
    [
      "a pointer",
      [{ id: 10, kind: "PTR", name: "(anon)", type_id: 1 }],
      "struct tp_s.x: PTR is not supported",
    ],
    ["a foreign struct", [{ id: 10, kind: "STRUCT", name: "other", size: 4 }], "must begin with tp_"],
    ["an unknown type", [], "leads nowhere"],
  ])("an error: %s", (_, types, message) => {
    expect(() => fieldOf(...types)).toThrow(message);
  });
});

it("structs come after those that they contain, whatever their names", () => {
  const a = {
    id: 20,
    kind: "STRUCT",
    name: "tp_a",
    size: 4,
    members: [{ name: "z", type_id: 21, bits_offset: 0 }],
  };
  const z = { id: 21, kind: "STRUCT", name: "tp_z", size: 4, members: [] };
  const text = renderLayouts([a, z]);
  expect(text.indexOf("TP_Z =")).toBeLessThan(text.indexOf("TP_A ="));
  expect(renderLayouts([z, a])).toBe(text);
});

it("enums and the variables of .rodata are constants, too", () => {
  const color = { id: 6, kind: "ENUM", name: "tp_color", size: 4, values: [{ name: "TP_RED", val: 3 }] };
  const variable = { id: 7, kind: "VAR", name: "count", type_id: 1 };
  const vars = [{ type_id: 7, offset: 0 }];
  const text = renderLayouts([
    ...basics,
    color,
    variable,
    { id: 8, kind: "DATASEC", name: ".rodata", size: 4, vars },
  ]);
  expect(text).toContain("export const TP_COLOR = {\n  TP_RED: 3,\n} as const;");
  expect(text).toMatch(
    /export const RODATA = \{\n {2}name: ".rodata",\n {2}size: 4,\n {2}fields: \{\n {4}count: \{/,
  );
});
