// SPDX-License-Identifier: Apache-2.0

/*
 * The attributes of a netlink message: length and type in host order, then a value, filled up to whole words.
 * Numbers of netfilter's are in network order.
 */

const HEADER_SIZE = 4;
const NLA_F_NESTED = 0x8000;
/** Without the two flags. */
const NLA_TYPE_MASK = 0x3fff;

/** An attribute that holds bytes as they are. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const length = HEADER_SIZE + value.length;
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, HEADER_SIZE);
  return bytes;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...inner: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(inner));
}

export function uint8(type: number, value: number): Buffer {
  return attribute(type, Uint8Array.of(value));
}

export function uint16(type: number, value: number): Buffer {
  return attribute(type, Uint8Array.of(value >> 8, value & 0xff));
}

export function uint32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return attribute(type, bytes);
}

/** A text as netfilter takes it, with a NUL at its end. */
export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** The attributes in some bytes, by their type; of two of a type the later one. */
export function readAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + HEADER_SIZE <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < HEADER_SIZE) break;
    found.set(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + HEADER_SIZE, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}
