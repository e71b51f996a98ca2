// SPDX-License-Identifier: Apache-2.0
import { isIPv4, isIPv6 } from "node:net";

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
  if (isIPv4(text)) return { family: 4, bytes: Uint8Array.from(text.split("."), Number) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { family: 6, bytes: parseIpv6(text) };
}

function parseIpv6(text: string): Uint8Array {
  const [head = "", tail] = embeddedIpv4ToGroups(text).split("::");
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  const bytes = new Uint8Array(16);
  for (const [index, group] of [...front, ...zeros, ...back].entries()) {
    bytes[2 * index] = group >> 8;
    bytes[2 * index + 1] = group & 0xff;
  }
  return bytes;
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

/** `::ffff:10.0.0.1` → `::ffff:a00:1`. */
function embeddedIpv4ToGroups(text: string): string {
  const lastColon = text.lastIndexOf(":");
  const ipv4 = text.slice(lastColon + 1);
  if (!ipv4.includes(".")) return text;
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split(".").map(Number);
  return `${text.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** Writes an address the way RFC 5952 recommends (v4-mapped addresses with dots). */
export function formatAddress(address: Address): string {
  const { bytes } = address;
  if (address.family === 4) return bytes.join(".");
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join(".")}`;
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const gap = longestZeroRun(words);
  const hex = (part: readonly number[]) => part.map((word) => word.toString(16)).join(":");
  if (gap.length < 2) return hex(words);
  return `${hex(words.slice(0, gap.start))}::${hex(words.slice(gap.start + gap.length))}`;
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
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
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
export function maskPrefix({ address, length }: Prefix): Prefix {
  const bytes = address.bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - 8 * index));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
  return { address: { family: address.family, bytes }, length };
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
