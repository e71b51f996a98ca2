// Texts that are nearly addresses: what node:net takes is taken, and nothing else.

import { isIPv4, isIPv6 } from "node:net";
import { expect, test } from "vitest";
import { formatAddress, formatPrefix, parsePrefix, prefixKey } from "../../../src/core/address.ts";
import { parseIpv4, parseIpv6 } from "../../../src/core/parse-ip.ts";

const SAMPLES = [
  "0.0.0.0",
  "10.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "1::",
  "fd00::1:0:2",
  "1:2:3:4:5:6:7:8",
  "::ffff:10.0.0.1",
  "1:2:3:4:5:6:1.2.3.4",
  "64:ff9b::255.1.2.3",
  "FE80::ABCD",
] as const;
const PIECES = [
  "",
  "0",
  "1",
  "9",
  "25",
  "256",
  "f",
  "g",
  "ffff",
  "12345",
  ".",
  ":",
  "::",
  "%",
  " ",
  "-",
  "٣",
  "\0",
];

/** Numbers that look random and are the same each time. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 8;
  }
}

test("200 000 texts that are nearly addresses", { timeout: 60_000 }, () => {
  const random = numbers();
  const below = (limit: number) => random.next().value % limit;
  const found = { ipv4: 0, ipv6: 0, none: 0 };
  for (let round = 0; round < 200_000; round++) {
    let text: string = SAMPLES[below(SAMPLES.length)] ?? "";
    for (let edits = below(4); edits > 0; edits--) {
      const at = below(text.length + 1);
      text = text.slice(0, at) + PIECES[below(PIECES.length)] + text.slice(at + below(3));
    }
    const [ipv4, ipv6] = [parseIpv4(text), parseIpv6(text)];
    const expected = [isIPv4(text), isIPv6(text) && !text.includes("%")];
    expect([ipv4 !== undefined, ipv6 !== undefined], JSON.stringify(text)).toEqual(expected);
    if (ipv6 !== undefined) expect(parseIpv6(formatAddress({ family: 6, bytes: ipv6 })), text).toEqual(ipv6);
    if (ipv4 !== undefined) expect([...ipv4].join(".")).toBe(text);
    found[ipv4 !== undefined ? "ipv4" : ipv6 !== undefined ? "ipv6" : "none"] += 1;
  }
  for (const [kind, count] of Object.entries(found)) expect(count, kind).toBeGreaterThan(10_000);
});

test("prefixes have the same key exactly where they are the same", () => {
  const texts = [
    "0.0.0.0/0",
    "0.0.0.0",
    "0.0.0.1",
    "0.0.0.0/31",
    "255.255.255.255",
    "::/0",
    "::",
    "::1",
    "::/127",
  ];
  const prefixes = [...texts, "ffff::", "ffff::/16", "::ffff"].map((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw new Error(text);
    return prefix;
  });
  for (const one of prefixes) {
    for (const other of prefixes)
      expect(prefixKey(one) === prefixKey(other)).toBe(formatPrefix(one) === formatPrefix(other));
  }
});
