import { describe, expect, test } from "vitest";
import { readFileLayer } from "../../../src/config/files/file-layer.ts";

function readText(text: string) {
  const { layer, problems, warnings } = readFileLayer({ name: "f", text });
  const values = Object.fromEntries([...layer].map(([key, { value }]) => [key, value]));
  const sources = [...layer.values()].map(({ source }) => source);
  return {
    values,
    sources,
    problems: problems.map(({ source, message }) => `${source}: ${message}`),
    warnings,
  };
}

test.each<[string, string, Record<string, unknown>]>([
  ["nothing", "", {}],
  ["a comment", "# nothing\n", {}],
  ["null", "~", {}],
  ["keys without values", "redirect:\nwait:\nlog: {level: }", {}],
  ["YAML", "wait: 3\nredirect:\n  inbound:\n    port: 80", { wait: 3, "redirect.inbound.port": 80 }],
  ["JSON", '{"wait": 3}', { wait: 3 }],
  ["JSON with tabs", '{\n\t"log": {\n\t\t"level": 3\n\t}\n}', { "log.level": 3 }],
  [
    "upper and lower case",
    "KUMADPUSER: a\nRedirect: {INBOUND: {Port: 1}}",
    { kumaDPUser: "a", "redirect.inbound.port": 1 },
  ],
  [
    "keys with other names inside",
    "retry: {sleepBetweenRetries: 2s}\nebpf: {instanceIP: a}",
    { "retry.sleepBetweenRetriesMs": "2s", "ebpf.instanceIPs": "a" },
  ],
  [
    "YAML 1.1's booleans",
    "verbose: yes\ndryRun: Off\ncniMode: on",
    { verbose: true, dryRun: false, cniMode: true },
  ],
  ["which in quotes are texts", 'verbose: "yes"', { verbose: "yes" }],
  ["which elsewhere are texts", "kumaDPUser: on", { kumaDPUser: "on" }],
  [
    "numbers as they are written",
    "wait: 007\nwaitInterval: 0x10\nlog: {level: 1.0}\nretry: {maxRetries: 1e3}",
    { wait: "007", waitInterval: "0x10", "log.level": "1.0", "retry.maxRetries": "1e3" },
  ],
  ["a number beyond all", "wait: 99999999999999999999", { wait: "99999999999999999999" }],
  [
    "lists",
    "redirect: {inbound: {excludePorts: [1, '2', 0o3]}}",
    { "redirect.inbound.excludePorts": [1, "2", "0o3"] },
  ],
  [
    "executables",
    "iptablesExecutables: {iptables: /a, ip6tables: ''}",
    { iptablesExecutables: ["iptables:/a"] },
  ],
  [
    "executables in the form of the flag",
    "iptablesExecutables: iptables:/a",
    { iptablesExecutables: "iptables:/a" },
  ],
  ["aliases", "wait: &w 3\nwaitInterval: *w", { wait: 3, waitInterval: 3 }],
  [
    "the last of two anchors of a name",
    "wait: &w 3\nwaitInterval: &w 4\nlog: {level: *w}",
    { wait: 3, waitInterval: 4, "log.level": 4 },
  ],
  [
    "tables taken from others",
    "log: &l {enabled: true, level: 1}\nLOG2: 1\nredirect: {dns: {<<: *l, enabled: false, port: 1}}",
    { "log.enabled": true, "log.level": 1, "redirect.dns.enabled": false, "redirect.dns.port": 1 },
  ],
  ["a byte order mark", "\ufeffwait: 3", { wait: 3 }],
])("%s", (_title, text, expected) => {
  const { values, problems } = readText(text);
  expect({ values, problems }).toEqual({ values: expected, problems: [] });
});

test("values have the line of their key", () => {
  expect(readText("wait: 3\n\nredirect:\n  inbound: {port:\n    80}").sources).toEqual([
    "f:wait (line 1)",
    "f:redirect.inbound.port (line 4)",
  ]);
});

test.each([
  ["a word", "x", /^f: must be a table/],
  ["a list", "- a", /^f: must be a table/],
  ["a value for a table", "redirect:\n  inbound: 5", /^f:redirect\.inbound \(line 2\): must be a table/],
  ["a key that is there twice", "wait: 1\nWait: 2", /^f:Wait \(line 2\): is there twice, in line 1 too/],
  ["a table that is there twice", "log: {}\nlog: {}", /^f:log \(line 2\): is there twice/],
  ["a key that is no word", "? [a]\n: b", /^f \(line 1\): has a key that is not a word/],
  ["no YAML", "a: b\nc: [d\n", /^f:\d: is not valid YAML: /],
  ["two documents", "a: b\n---\nc: d", /^f:\d: is not valid YAML: a second document/],
  ["a tab for an indent", "redirect:\n\tinbound: 1", /^f:2: is not valid YAML: .*[Tt]ab/],
  ["an alias of nothing", "wait: *w", /^f:wait \(line 1\): \*w refers to nothing/],
  ["an alias of itself", "redirect: &r {inbound: {<<: *r}, <<: *r}", /refers to itself \(\*\) too often/],
  [
    "a path that is none",
    "iptablesExecutables: {iptables: [a]}",
    /^f:iptablesExecutables\.iptables \(line 1\): must be a path/,
  ],
])("%s is refused", (_title, text, expected) => {
  const { problems } = readText(text);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems[0]).toMatch(expected);
});

test.each([
  [
    "redirect: {inbund: {}}",
    "f:redirect.inbund (line 1): this key is not known and does nothing; did you mean redirect.inbound?",
  ],
  ["\nwiat: 1", "f:wiat (line 2): this key is not known and does nothing; did you mean wait?"],
  ["nothingLikeIt: {wait: 1}", "f:nothingLikeIt (line 1): this key is not known and does nothing"],
  ["__proto__: {a: 1}", "f:__proto__ (line 1): this key is not known and does nothing"],
  ['"a b": 1', 'f:"a b" (line 1): this key is not known and does nothing'],
  [
    "iptablesExecutables: {iptable: /a}",
    "f:iptablesExecutables.iptable (line 1): this key is not known and does nothing; did you mean iptablesExecutables.iptables?",
  ],
])("%s is warned of", (text, expected) => {
  expect(readText(text)).toMatchObject({ values: {}, problems: [], warnings: [expected] });
});

describe("what is meant to take long ends soon", () => {
  const size = 1 << 18;
  test.each<[string, string]>([
    ["brackets", "[".repeat(size)],
    ["more brackets than anybody counts", "[".repeat(4 * size)],
    ["brackets that are closed", `a: ${"[".repeat(size / 2)}${"]".repeat(size / 2)}`],
    ["tables", "{a: ".repeat(size / 4)],
    ["lists in lists", "- ".repeat(size / 2)],
    ["indents", Array.from({ length: 1400 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
    ["quotes", '"'.repeat(size)],
    ["commas", `[${",".repeat(size)}`],
    ["closing brackets", "]".repeat(size)],
    ["keys", Array.from({ length: 100_000 }, (_, number) => `k${number}: 1`).join("\n")],
    ["anchors", "&a ".repeat(size / 3)],
    ["escapes", `a: "${"\\q".repeat(size / 2)}"`],
    ["documents", "---\n".repeat(size / 4)],
    ["aliases", `wait: &a 1\nredirect: {inbound: {excludePorts: [${"*a,".repeat(100_000)}]}}`],
    [
      "aliases of much",
      `kumaDPUser: &a ${"x".repeat(size)}\nredirect: {vnet: {networks: [${"*a,".repeat(90)}]}}`,
    ],
    [
      "laughter",
      Array.from({ length: 30 }, (_, n) => `a${n}: &a${n} [${`*a${n - 1},`.repeat(9)}]`).join("\n"),
    ],
  ])("%s", { timeout: 60_000 }, (_title, text) => {
    const { problems, warnings } = readText(text);
    expect(problems.length + warnings.length).toBeGreaterThan(0);
  });

  test("100 000 ranges do not", () => {
    const lines = Array.from({ length: 100_000 }, (_, n) => `    - fd00:1234:${n.toString(16)}::/96\n`);
    const { values, problems } = readText(
      `redirect:\n  outbound:\n    excludePortsForIPs:\n${lines.join("")}`,
    );
    expect([problems, values["redirect.outbound.excludePortsForIPs"]]).toEqual([
      [],
      expect.objectContaining({ length: 100_000 }),
    ]);
  });
});
