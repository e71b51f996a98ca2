// SPDX-License-Identifier: Apache-2.0

/*
 * By hand, character by character: a configuration may have 100 000 of them, and the regular expressions of node:net take
 * ten times as long. A test compares the two.
 */

const COLON = 58;
const DOT = 46;
const ZERO = 48;

/** The 4 bytes of an IPv4 address: four decimal numbers without leading zeros. Undefined where the text is none. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (value < 0 || part === 3) return undefined;
      bytes[part++] = value;
      value = -1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || value === 0) return undefined;
    value = value < 0 ? digit : 10 * value + digit;
    if (value > 255) return undefined;
  }
  if (value < 0 || part !== 3) return undefined;
  bytes[3] = value;
  return bytes;
}

const GROUPS = 8;

/** The 16 bytes of an IPv6 address (RFC 4291, section 2.2), without a zone. Undefined where the text is none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(2 * GROUPS);
  let count = 0;
  let gap = -1;
  let at = 0;
  if (text.startsWith("::")) {
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    const end = endOfGroup(text, at);
    if (text.charCodeAt(end) === DOT) {
      const ipv4 = count <= GROUPS - 2 ? parseIpv4(text.slice(at)) : undefined;
      if (ipv4 === undefined) return undefined;
      bytes.set(ipv4, 2 * count);
      count += 2;
      break;
    }
    if (end === at || end - at > 4 || count === GROUPS) return undefined;
    const group = Number.parseInt(text.slice(at, end), 16);
    bytes[2 * count] = group >> 8;
    bytes[2 * count + 1] = group & 0xff;
    count += 1;
    if (end === text.length) break;
    if (text.charCodeAt(end) !== COLON || end + 1 === text.length) return undefined;
    at = end + 1;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap >= 0) return undefined;
    gap = count;
    at += 1;
  }
  if (gap < 0) return count === GROUPS ? bytes : undefined;
  return count === GROUPS ? undefined : widen(bytes, 2 * gap, 2 * count);
}

function endOfGroup(text: string, start: number): number {
  let at = start;
  while (isHexDigit(text.charCodeAt(at))) at += 1;
  return at;
}

/** False for NaN, which is what stands behind the end of a text. */
function isHexDigit(code: number): boolean {
  return (code >= ZERO && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);
}

/** Moves what is behind the gap to the end, and leaves zeros. */
function widen(bytes: Uint8Array, gap: number, end: number): Uint8Array {
  const rest = bytes.length - (end - gap);
  bytes.copyWithin(rest, gap, end);
  return bytes.fill(0, gap, rest);
}
