// What is read fast is read as the parser for all of YAML reads it, or left to that parser.

import { describe, expect, test } from "vitest";
import { readAnyYaml, readFileLayer } from "../../../src/config/files/file-layer.ts";
import { parsePlain } from "../../../src/config/files/parse-plain.ts";
import { resolveConfig } from "../../../src/config/resolve-config.ts";
import { ConfigError } from "../../../src/core/errors.ts";
import { makeCase } from "./fuzz-cases.ts";

function expectTheSame(text: string): void {
  const [fast, slow] = [readFileLayer, readAnyYaml].map((read) => {
    const { layer, problems, warnings } = read({ name: "f", text });
    return { layer: [...layer], problems, warnings };
  });
  expect(fast, JSON.stringify(text)).toEqual(slow);
}

const BLOCK = `# a comment
kumaDPUser: kuma-dp

redirect:
  inbound:
    port: 15007
    excludePorts: [80, 443, "90"]
    excludePortsForIPs:
    - 10.0.0.0/8
    - fd00::/8
  # another
  outbound:
    enabled: true
    excludePortsForUIDs:
      - "tcp:80:1000"
      - 'udp:53,5353:1-2'
      - tcp:80,8000-8080:5
    includePorts: []
  dns:
log: {}
`;

const JSON_TEXT = JSON.stringify({
  kumaDPUser: "kuma-dp",
  redirect: {
    inbound: { port: 15007, enabled: false, excludePorts: [80, "443"], excludePortsForIPs: [] },
    dns: null,
    nobody: { knows: ["this"] },
  },
});

describe("is read fast", () => {
  test.each([
    ["tables and lists in lines of their own", BLOCK.replace("log: {}\n", "")],
    ["JSON", JSON_TEXT],
    ["JSON in lines", JSON.stringify(JSON.parse(JSON_TEXT), undefined, 2)],
    ["a key that is there twice", "wait: 1\nredirect:\n  dns:\n    port: 1\nwait: 2\nWAIT: 3\n"],
    ["a key that is there twice in JSON", '{"wait": 1,\n "redirect": {"dns": {}},\n "Wait": 2}'],
    ["values of the wrong kind", "wait:\n  - 1\nlog:\n  level: yes\nredirect:\n  - a\nverbose: on\n"],
    ["no line at the end", "wait: 1"],
  ])("%s", (_title, text) => {
    expect(parsePlain(text)).toBeDefined();
    expectTheSame(text);
  });
});

test("half a million values in one line, and as many that are wrong", () => {
  const list = (toText: (index: number) => string) =>
    readFileLayer({
      name: "f",
      text: `redirect:\n  inbound:\n    excludePortsForIPs: [${Array.from({ length: 500_000 }, (_, index) => toText(index)).join(", ")}]\n`,
    }).layer;
  const right = list((index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  expect(resolveConfig([right]).config.redirect.inbound.excludePortsForIPs).toHaveLength(500_000);
  const wrong = list((index) => `10.0.0.${index}.1`);
  expect(() => resolveConfig([wrong])).toThrow(ConfigError);
}, 60_000);

describe("is left to the parser", () => {
  test.each([
    ["a table in braces", BLOCK],
    ["nothing", ""],
    ["comments alone", "# wait: 1\n"],
    ["a comment behind a value", "wait: 1 # s\n"],
    ["a second document", "wait: 1\n---\nwait: 2\n"],
    ["an alias", "wait: &a 1\nretry:\n  maxRetries: *a\n"],
    ["a merged table", "log:\n  <<: x\n"],
    ["a tag", "wait: !!int 3\n"],
    ["a text in lines", "kumaDPUser: |\n  a\n"],
    ["a value that goes on in the next line", "kumaDPUser: a\n  b\n"],
    ["an item that goes on", "wait:\n- a\n  b\n"],
    ["an item that is a table", "redirect:\n- a: 1\n"],
    ["an item that ends with a colon", "redirect:\n- fd00::\n"],
    ["lists in lists", "wait:\n- - 1\n"],
    ["a line that is less far in", "log:\n    level: 1\n  enabled: true\n"],
    ["a list that is less far in", "redirect:\n    inbound:\n  - 1\n"],
    ["a first line that is far in", "  wait: 1\n"],
    ["a tab", "log:\n\tlevel: 1\n"],
    ["returns", "wait: 1\r\n"],
    ["blanks at the end", "wait: 1 \n"],
    ["no blank behind the colon", "wait:1\n"],
    ["other numbers", "wait: 010\n"],
    ["hexadecimal numbers", "wait: 0x10\n"],
    ["octal numbers", "wait: 0o10\n"],
    ["fractions", "wait: 1.0\n"],
    ["large numbers", "wait: 12345678901234567\n"],
    ["words with a meaning", "verbose: True\n"],
    ["a null", "wait: null\n"],
    ["letters of other languages", "kumaDPUser: ü\n"],
    ["escapes", 'kumaDPUser: "a\\tb"\n'],
    ["quotes in quotes", "kumaDPUser: 'a''b'\n"],
    ["quotes without an end", "kumaDPUser: \"a\nwait: 'b\n"],
    ["a list in lines in brackets", "redirect:\n  inbound:\n    excludePorts: [80,\n      81]\n"],
    ["a comma too many", "redirect:\n  inbound:\n    excludePorts: [80,]\n"],
    ["JSON with a comma too many", '{"wait": 1,}'],
    ["JSON with a comment", '{"wait": 1} # s'],
    ["JSON with a fraction", '{"wait": 1.5}'],
    ["JSON with an exponent", '{"wait": 1e3}'],
    ["JSON with a number below zero", '{"wait": -1}'],
    ["JSON with a zero in front", '{"wait": 01}'],
    ["JSON with escapes", '{"kumaDPUser": "a\\u0041"}'],
    ["JSON without an end", '{"wait": 1'],
    ["JSON and more", '{"wait": 1} {"wait": 2}'],
    ["a table without quotes", "{wait: 1}"],
    ["a line between key and colon", '{"wait"\n: 1}'],
    ["keys that are none", '{"<<": {"wait": 1}}'],
    ["JSON without end inside", `{"a": ${"[".repeat(30)}${"]".repeat(30)}}`],
  ])("%s", (_title, text) => {
    expect(parsePlain(text)).toBeUndefined();
    expectTheSame(text);
  });
});

test("20 000 generated files, and the same in lines of their own", () => {
  let plain = 0;
  for (let seed = 1; seed <= 20_000; seed++) {
    const { stdin } = makeCase(seed);
    if (typeof stdin !== "string") continue;
    expectTheSame(stdin);
    if (parsePlain(stdin) !== undefined) plain += 1;
    const block = inLines(stdin);
    if (block === undefined || parsePlain(block) === undefined) continue;
    expectTheSame(block);
    plain += 1;
  }
  expect(plain).toBeGreaterThan(2000);
}, 60_000);

/** A JSON text as YAML in lines; undefined for anything else. */
function inLines(text: string): string | undefined {
  try {
    return linesOf(JSON.parse(text), "").join("\n");
  } catch {
    return undefined;
  }
}

function linesOf(value: unknown, indent: string): string[] {
  if (typeof value !== "object" || value === null) return [`${indent}${String(value)}`];
  if (Array.isArray(value)) return value.flatMap((item) => linesOf(item, `${indent}- `));
  return Object.entries(value).flatMap(([key, below]) =>
    typeof below === "object" && below !== null
      ? [`${indent}${key}:`, ...linesOf(below, `${indent}  `)]
      : [`${indent}${key}: ${String(below)}`],
  );
}
