// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";
import { type Codec, viewOf } from "./codec.ts";

/** An integer, or an array of them where it has a `length`. `big`: in network byte order. */
export interface IntegerField {
  readonly kind: "integer";
  readonly offset: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly big: boolean;
  readonly length?: number;
}

/** Bytes as they are: `__u8 x[n]`, addresses (`__be32`, `__be32 x[n]`), unions. */
export interface BytesField {
  readonly kind: "bytes";
  readonly offset: number;
  readonly size: number;
}

/** A struct inside a struct, or an array of them where it has a `length`. */
export interface StructField {
  readonly kind: "struct";
  readonly offset: number;
  readonly layout: StructLayout;
  readonly length?: number;
}

export type Field = IntegerField | BytesField | StructField;

/** Where the members of a C struct are. Generated from the BTF of the object: `layouts.gen.ts`. */
export interface StructLayout {
  readonly name: string;
  readonly size: number;
  readonly fields: Readonly<Record<string, Field>>;
}

type Element<F extends Field> = F extends BytesField
  ? Uint8Array
  : F extends { readonly kind: "struct"; readonly layout: infer L extends StructLayout }
    ? StructValue<L>
    : F extends { readonly kind: "integer"; readonly size: 8 }
      ? bigint
      : number;

type FieldValue<F extends Field> = F extends { readonly length: number } ? readonly Element<F>[] : Element<F>;

/** Members that only fill a gap: `pad`, `pad1`, `_anything`. Zero unless given, and not decoded. */
type Padding = `pad${string}` | `_${string}`;

/** The JavaScript value of a struct with the layout `L`. */
export type StructValue<L extends StructLayout> = {
  readonly [K in keyof L["fields"] as K extends Padding ? never : K]: FieldValue<L["fields"][K]>;
};

/** Turns values into the bytes of a C struct and back. What no field covers is zero. */
export function structCodec<L extends StructLayout>(layout: L): Codec<StructValue<L>> {
  return {
    size: layout.size,
    encode(value) {
      const bytes = new Uint8Array(layout.size);
      encodeStruct(layout, value, bytes);
      return bytes;
    },
    // The type follows from the layout, which the compiler cannot see through Object.fromEntries.
    decode: (bytes) => decodeStruct(layout, bytes) as StructValue<L>,
  };
}

function isPadding(name: string): boolean {
  return name.startsWith("pad") || name.startsWith("_");
}

function encodeStruct(layout: StructLayout, value: object, target: Uint8Array): void {
  const values: Readonly<Record<string, unknown>> = { ...value };
  for (const [name, field] of Object.entries(layout.fields)) {
    if (isPadding(name)) continue;
    const where = `${layout.name}.${name}`;
    for (const [index, element] of elements(field, values[name], where).entries()) {
      const start = field.offset + index * strideOf(field);
      encodeElement(field, element, target.subarray(start, start + strideOf(field)), where);
    }
  }
}

function elements(field: Field, value: unknown, where: string): readonly unknown[] {
  if (field.kind === "bytes" || field.length === undefined) return [value];
  if (Array.isArray(value) && value.length === field.length) return value;
  throw new TproxyError("INTERNAL", `${where} wants ${field.length} elements`);
}

function strideOf(field: Field): number {
  return field.kind === "struct" ? field.layout.size : field.size;
}

function encodeElement(field: Field, value: unknown, target: Uint8Array, where: string): void {
  switch (field.kind) {
    case "integer":
      encodeInteger(field, value, target, where);
      break;
    case "struct":
      if (!(value instanceof Object)) throw new TproxyError("INTERNAL", `${where} wants a struct`);
      encodeStruct(field.layout, value, target);
      break;
    case "bytes":
      if (!(value instanceof Uint8Array) || value.length !== field.size) {
        throw new TproxyError("INTERNAL", `${where} wants ${field.size} bytes`);
      }
      target.set(value);
  }
}

function encodeInteger(field: IntegerField, value: unknown, target: Uint8Array, where: string): void {
  const isRight = field.size === 8 ? typeof value === "bigint" : Number.isInteger(value);
  if (!isRight) throw new TproxyError("INTERNAL", `${where} wants an integer, not ${typeof value} ${value}`);
  const view = viewOf(target);
  const little = !field.big;
  if (typeof value === "bigint") view.setBigUint64(0, value, little);
  else if (field.size === 1) view.setUint8(0, Number(value));
  else if (field.size === 2) view.setUint16(0, Number(value), little);
  else view.setUint32(0, Number(value), little);
  // The setters cut off what does not fit, without a word.
  if (decodeInteger(field, view) !== value)
    throw new TproxyError("INTERNAL", `${where} has no room for ${value}`);
}

function decodeStruct(layout: StructLayout, bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length !== layout.size) {
    throw new TproxyError("INTERNAL", `${layout.name} has ${layout.size} bytes, not ${bytes.length}`);
  }
  const fields = Object.entries(layout.fields).filter(([name]) => !isPadding(name));
  return Object.fromEntries(fields.map(([name, field]) => [name, decodeField(field, bytes)]));
}

function decodeField(field: Field, bytes: Uint8Array): unknown {
  const stride = strideOf(field);
  const at = (index: number) =>
    decodeElement(field, bytes.subarray(field.offset + index * stride, field.offset + (index + 1) * stride));
  if (field.kind === "bytes" || field.length === undefined) return at(0);
  return Array.from({ length: field.length }, (_, index) => at(index));
}

function decodeElement(field: Field, bytes: Uint8Array): unknown {
  if (field.kind === "struct") return decodeStruct(field.layout, bytes);
  return field.kind === "bytes" ? bytes : decodeInteger(field, viewOf(bytes));
}

function decodeInteger(field: IntegerField, view: DataView): number | bigint {
  const little = !field.big;
  switch (field.size) {
    case 1:
      return field.signed ? view.getInt8(0) : view.getUint8(0);
    case 2:
      return field.signed ? view.getInt16(0, little) : view.getUint16(0, little);
    case 4:
      return field.signed ? view.getInt32(0, little) : view.getUint32(0, little);
    case 8:
      return field.signed ? view.getBigInt64(0, little) : view.getBigUint64(0, little);
  }
}
