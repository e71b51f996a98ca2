// SPDX-License-Identifier: Apache-2.0
import { parseIpv4, parseIpv6 } from "./parse-ip.ts";

/** IP version of an address. */
export type Family = 4 | 6;

/** An IP address: its family and its bytes in network order (4 or 16 of them). */
export interface Address {
  readonly family: Family;
  readonly bytes: Uint8Array;
}

/** A range of addresses: the first `length` bits of `address` count (0–32 or 0–128). */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/**
 * Reads an address as people write it. Strict: no leading zeros (`010.0.0.1` is decimal to one program and
 * octal to another), no zone (`%eth0`), no white space. Returns undefined where the text is no address.
 */
export function parseAddress(text: string): Address | undefined {
  const family = text.includes(":") ? 6 : 4;
  const bytes = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return bytes === undefined ? undefined : { family, bytes };
}

/** Writes an address the way RFC 5952 recommends (v4-mapped addresses with dots). */
export function formatAddress(address: Address): string {
  const { bytes } = address;
  if (address.family === 4) return bytes.join(".");
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join(".")}`;
  const words = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  const gap = longestZeroRun(words);
  const hex = words.map((word) => word.toString(16));
  if (gap.length < 2) return hex.join(":");
  return `${hex.slice(0, gap.start).join(":")}::${hex.slice(gap.start + gap.length).join(":")}`;
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= words.length; i++) {
    if (words[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let at = 0; at < 10; at++) if (bytes[at] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** The address inside a v4-mapped IPv6 address (`::ffff:10.0.0.1` → `10.0.0.1`); any other one unchanged. */
export function unmapAddress(address: Address): Address {
  if (address.family === 4 || !isMapped(address.bytes)) return address;
  // Not by `slice`: a Buffer's is a view of the same memory.
  return { family: 4, bytes: Uint8Array.from(address.bytes.subarray(12)) };
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function formatEndpoint(address: Address, port: number): string {
  const text = formatAddress(address);
  return address.family === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

/** Reads `10.0.0.0/8` or a plain address (a prefix of its full length); undefined where it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const longest = address.bytes.length * 8;
  if (slash < 0) return { address, length: longest };
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(digits) || Number(digits) > longest) return undefined;
  return { address, length: Number(digits) };
}

export function formatPrefix(prefix: Prefix): string {
  const full = prefix.length === prefix.address.bytes.length * 8;
  return full ? formatAddress(prefix.address) : `${formatAddress(prefix.address)}/${prefix.length}`;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.bytes.every((byte, index) => byte === b.bytes[index]);
}

/** Without the bits behind its length: 10.0.0.5/8 is 10.0.0.0/8. */
export function maskPrefix(prefix: Prefix): Prefix {
  const { address, length } = prefix;
  const whole = length >> 3;
  const kept = (address.bytes[whole] ?? 0) & (0xff00 >> (length & 7));
  if (kept === (address.bytes[whole] ?? 0) && isZero(address.bytes, whole + 1)) return prefix;
  const bytes = Uint8Array.from(address.bytes).fill(0, whole);
  bytes[whole] = kept;
  return { address: { family: address.family, bytes }, length };
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** The same for two prefixes of the same family, bytes and length, and for no others. Cheaper than a text. */
export function prefixKey({ address: { family, bytes }, length }: Prefix): string | number {
  const word = (at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (family === 4) return (word(0) * 0x10000 + word(2)) * 64 + length;
  return String.fromCharCode(
    ...[word(0), word(2), word(4), word(6), word(8), word(10), word(12), word(14)],
    length,
  );
}

/** Whether `prefix` holds `address`. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (prefix.address.bytes[i] !== address.bytes[i]) return false;
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest);
  return (((prefix.address.bytes[whole] ?? 0) ^ (address.bytes[whole] ?? 0)) & mask & 0xff) === 0;
}

const LOOPBACK: readonly Prefix[] = [
  { address: { family: 4, bytes: Uint8Array.of(127, 0, 0, 0) }, length: 8 },
  { address: { family: 6, bytes: Uint8Array.of(...new Array<number>(15).fill(0), 1) }, length: 128 },
];

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: Address): boolean {
  return LOOPBACK.some((prefix) => prefixContains(prefix, address));
}
