// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";

/** How a value of type `T` stands in memory that is shared with C. Little-endian, like the objects shipped. */
export interface Codec<T> {
  readonly size: number;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function integer<T>(
  size: number,
  write: (view: DataView, value: T) => void,
  read: (view: DataView) => T,
): Codec<T> {
  return {
    size,
    encode(value) {
      const bytes = new Uint8Array(size);
      write(viewOf(bytes), value);
      return bytes;
    },
    decode: (bytes) => read(viewOf(bytes)),
  };
}

export const U8: Codec<number> = integer(
  1,
  (view, value) => view.setUint8(0, value),
  (view) => view.getUint8(0),
);

export const U16: Codec<number> = integer(
  2,
  (view, value) => view.setUint16(0, value, true),
  (view) => view.getUint16(0, true),
);

export const U32: Codec<number> = integer(
  4,
  (view, value) => view.setUint32(0, value, true),
  (view) => view.getUint32(0, true),
);

export const U64: Codec<bigint> = integer(
  8,
  (view, value) => view.setBigUint64(0, value, true),
  (view) => view.getBigUint64(0, true),
);

/** Exactly `size` bytes, as they are. */
export function bytes(size: number): Codec<Uint8Array> {
  return {
    size,
    encode(value) {
      if (value.length === size) return value;
      throw new TproxyError("INTERNAL", `${value.length} bytes where ${size} are wanted`);
    },
    decode: (value) => value,
  };
}
