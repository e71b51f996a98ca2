import { describe, expect, test } from "vitest";
import { TproxyError } from "../../../src/core/errors.ts";
import { transform } from "../../../src/dataplane/transform.ts";
import type { TransformOptions } from "../../../src/dataplane/transform-options.ts";
import { IPV4, OPTIONS } from "./options.ts";

function run(text: string, options: Partial<TransformOptions> = {}) {
  return transform({ name: "dp.yaml", text }, { ...OPTIONS, ...options });
}

function refused(text: string, options: Partial<TransformOptions> = {}): string {
  try {
    run(text, options);
  } catch (error) {
    if (error instanceof TproxyError && error.code === "DATAPLANE_INVALID") return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** Of a file that is written in lines: `outbound` and what takes its place. */
const withSection = (section: string) => `type: Dataplane
mesh: default # ours
name: {{ name }}
networking:
  address: {{ address }}

  inbound:
    - port: {{ port }}
      tags: {kuma.io/service: "web", version: '{{{ version }}}'}
${section}  # who watches it
  admin:
    port: 9901
`;
const SECTION = `  transparentProxying:
    redirectPortInbound: 15006
    redirectPortOutbound: 15001
`;

describe("a table in lines", () => {
  test.each([
    ["plain", "  outbound:\n    - port: 6379\n      tags:\n        kuma.io/service: redis\n"],
    ["its list not indented", "  outbound:\n  - port: 6379\n  - port: 2\n"],
    ["empty", "  outbound: []\n"],
    ["nothing", "  outbound:\n"],
    [
      "its comments go",
      "  # whom\n  # we call\n  outbound: # these\n    # redis\n    - port: 1 # its port\n    # - port: 2\n",
    ],
    ["a comment of the template", "  {{! whom we call }}\n  outbound: []\n"],
    ["a section in it", "  outbound:\n    {{#redis}}\n    - port: 1\n    {{/redis}}\n"],
    ["a section in a list that is not indented", "  outbound:\n  {{#redis}}\n  - port: 1\n  {{/redis}}\n"],
    ["lines that the template makes", "  outbound:\n    {{{ outbounds }}}\n"],
    ["placeholders", "  outbound:\n    - {port: {{ a }}, tags: {kuma.io/service: {{b}}}}\n"],
    ["a block of text", "  outbound:\n    - service: |\n        redis\n"],
    ["in another spelling, twice", "  outbound: []\n  outbound: [ ]\n"],
  ])("%s", (_, section) => {
    expect(run(withSection(section)).text).toBe(withSection(SECTION));
  });

  test("what is above it and is none of its comments stays", () => {
    const above = "      # of the inbound\n  # of nobody\n\n";
    expect(run(withSection(`${above}  outbound: []\n`)).text).toBe(withSection(above + SECTION));
  });
  test("a condition of the template around it does not become one of transparentProxying", () => {
    const { text } = run(
      "type: Dataplane\nnetworking: # all\n  inbound: []\n  {{#out}}\n  outbound: []\n  {{/out}}\n",
    );
    expect(text).toBe(
      `type: Dataplane\nnetworking: # all\n${SECTION}  inbound: []\n  {{#out}}\n  {{/out}}\n`,
    );
  });
  test("the last line may have no end", () => {
    expect(run("type: Dataplane\nnetworking:\n  outbound: []").text).toBe(
      `type: Dataplane\nnetworking:\n${SECTION.trimEnd()}`,
    );
    expect(run("type: Dataplane\nnetworking:\n  inbound: []").text).toBe(
      `type: Dataplane\nnetworking:\n  inbound: []\n${SECTION.trimEnd()}`,
    );
  });
  test("CRLF, a byte order mark and four blanks stay", () => {
    const text =
      "\ufefftype: Dataplane\r\nnetworking:\r\n    outbound:\r\n    - port: 1\r\n    admin: {}\r\n";
    const section = SECTION.replaceAll("  ", "    ").replaceAll("\n", "\r\n");
    expect(run(text).text).toBe(`\ufefftype: Dataplane\r\nnetworking:\r\n${section}    admin: {}\r\n`);
  });
  test("without an outbound section it comes last", () => {
    const text = "type: Dataplane\nnetworking:\n  inbound:\n    - port: 1\n    # - port: 2\n\n# the end\n";
    expect(run(text).text).toBe(text.replace("port: 2\n", `port: 2\n${SECTION}`));
  });
});

describe("transparentProxying that is there", () => {
  const around = (inside: string) => `type: Dataplane\nnetworking:\n${inside}  admin: {}\n`;
  const PORTS = "redirectPortInbound: 15006, redirectPortOutbound: 15001";
  test.each([
    [
      "  transparentProxying:\n    reachableServices: [a]\n",
      "  transparentProxying:\n    redirectPortInbound: 15006\n    redirectPortOutbound: 15001\n    reachableServices: [a]\n",
    ],
    [
      "  transparentProxying:\n    redirectPortInbound: 7 # in\n",
      "  transparentProxying:\n    redirectPortOutbound: 15001\n    redirectPortInbound: 7 # in\n",
    ],
    ["  transparentProxying: {}\n", `  transparentProxying: {${PORTS}}\n`],
    ["  transparentProxying: { a: 1 }\n", `  transparentProxying: { ${PORTS}, a: 1 }\n`],
    [
      "  transparentProxying: # none\n",
      `  transparentProxying: # none\n    redirectPortInbound: 15006\n    redirectPortOutbound: 15001\n`,
    ],
    [
      "  transparentProxying: ~\n",
      "  transparentProxying: \n    redirectPortInbound: 15006\n    redirectPortOutbound: 15001\n",
    ],
  ])("%j keeps what it has", (before, after) => {
    expect(run(around(`  outbound: []\n${before}`)).text).toBe(around(after));
    expect(run(around(before)).text).toBe(around(after));
  });

  const both = around(
    "  transparentProxying:\n    redirectPortInbound: 7 # in\n    redirectPortOutbound: {{ out }}\n",
  );
  test("is unchanged where nothing is missing, and another port is told", () => {
    const { text, notes } = run(both);
    expect(text).toBe(both);
    expect(notes).toEqual([
      "dp.yaml:2: is transparent already: unchanged",
      "dp.yaml:2: redirectPortInbound stays 7; --redirect-inbound-port 15006 would change it",
    ]);
  });
  test("another port is corrected where that is asked for", () => {
    const options = { inbound: { port: 8, correct: true }, outbound: { port: 9, correct: true } };
    expect(run(both, options).text).toBe(both.replace("7 #", "8 #").replace("{{ out }}", "9"));
  });
  test("ipFamilyMode is added where only IPv4 is redirected, and never changed", () => {
    expect(run(withSection("  outbound: []\n"), { family: IPV4 }).text).toBe(
      withSection(`${SECTION}    ipFamilyMode: IPv4\n`),
    );
    expect(run(withSection(SECTION), { family: IPV4 }).text).toBe(withSection(SECTION));
    const asked = run(withSection(SECTION), { family: { ...IPV4, correct: true } });
    expect(asked.text).toContain("ipFamilyMode: IPv4\n");
    const has = withSection(`${SECTION}    ipFamilyMode: DualStack\n`);
    expect(run(has, { family: IPV4 }).text).toBe(has);
  });
});

describe("reachableServices", () => {
  const list = { reachableServices: true };
  const outbound = (...services: string[]) =>
    `  outbound:\n${services.map((service) => `    - tags: { kuma.io/service: ${service} }\n`).join("")}`;
  test("each once, in their order, as they are written", () => {
    const { text } = run(
      withSection(outbound("redis", '"a:1"', "redis", "'b'", "{{ c }}", "7", '"redis"')),
      list,
    );
    const names = ["redis", '"a:1"', "'b'", "{{ c }}", '"7"'].map((name) => `      - ${name}\n`).join("");
    expect(text).toBe(withSection(`${SECTION}    reachableServices:\n${names}`));
  });
  test("of the form before there were tags, and by an alias", () => {
    const text =
      "x: &r redis\ntype: Dataplane\nnetworking:\n  outbound:\n    - service: a\n    - service: *r\n";
    expect(run(text, list).text).toContain("    reachableServices:\n      - a\n      - redis\n");
  });
  test("only where they are asked for", () => {
    const { text, notes } = run(withSection(outbound("redis")));
    expect(text).not.toContain("redis");
    expect(notes.at(-1)).toContain("named redis; --reachable-services would list them");
  });
  test("never an empty list, which would mean all", () => {
    const { text, notes } = run(withSection("  outbound: []\n"), list);
    expect(text).toBe(withSection(SECTION));
    expect(notes.at(-1)).toContain("names no service");
  });
  test("a list that is there stays", () => {
    const { text, notes } = run(withSection(`${outbound("b")}${SECTION}    reachableServices: [a]\n`), list);
    expect(text).toBe(withSection(`${SECTION}    reachableServices: [a]\n`));
    expect(notes.at(-1)).toBe("dp.yaml:4: reachableServices stays as it is; outbound named b");
  });
  test("backends are told of", () => {
    const { notes } = run(withSection("  outbound:\n    - backendRef: {kind: MeshService, name: a}\n"));
    expect(notes.at(-1)).toContain("write them into reachableBackends");
  });
});

describe("in braces", () => {
  const braces = (inside: string) =>
    `{"type":"Dataplane","networking":{"inbound":[],${inside}"admin":{"port":{{p}}}}}`;
  const PORTS = '"redirectPortInbound": 15006, "redirectPortOutbound": 15001';
  test("in one line", () => {
    expect(run(braces('"outbound":[{"port":1}],')).text).toBe(braces(`"transparentProxying": {${PORTS}},`));
  });
  test("over several lines, with services", () => {
    const text = JSON.stringify(
      { type: "Dataplane", networking: { outbound: [{ service: "a" }], admin: {} } },
      null,
      "\t",
    );
    const { text: after } = run(text, { reachableServices: true });
    expect(JSON.parse(after)).toEqual({
      type: "Dataplane",
      networking: {
        transparentProxying: {
          redirectPortInbound: 15006,
          redirectPortOutbound: 15001,
          reachableServices: ["a"],
        },
        admin: {},
      },
    });
    expect(after).toContain('\t\t"transparentProxying": {\n\t\t\t"redirectPortInbound": 15006,\n');
  });
  test.each([
    ['{"outbound": [], "transparentProxying": {}}', `{"transparentProxying": {${PORTS}}}`],
    ['{"transparentProxying": null, "outbound": []}', `{"transparentProxying": {${PORTS}}}`],
    ['{"inbound": [1]}', `{"inbound": [1], "transparentProxying": {${PORTS}}}`],
    ["{}", `{"transparentProxying": {${PORTS}}}`],
    ['{"outbound": []}', `{"transparentProxying": {${PORTS}}}`],
    ['{"transparentProxying": {}, "outbound": [], "outbound": [1]}', `{"transparentProxying": {${PORTS}}}`],
    ['{"outbound": [], "outbound": [1], "admin": 1}', `{"transparentProxying": {${PORTS}}, "admin": 1}`],
    ['{"outbound": [], "admin": 1, "outbound": [1]}', `{"transparentProxying": {${PORTS}}, "admin": 1}`],
    [
      '{"transparentProxying":\n  {\n    "a": 1\n  }}',
      '{"transparentProxying":\n  {\n    "redirectPortInbound": 15006,\n    "redirectPortOutbound": 15001,\n    "a": 1\n  }}',
    ],
  ])("%j", (before, after) => {
    const whole = (networking: string) => `{"networking": ${networking}, "type": "Dataplane"}`;
    expect(run(whole(before)).text).toBe(whole(after));
  });
  test("comments between braces stay", () => {
    const text =
      "type: Dataplane\nnetworking: {\n  transparentProxying: {}, # t\n  outbound: [], # o\n  admin: {} }\n";
    expect(run(text).text).toBe(
      "type: Dataplane\nnetworking: {\n  transparentProxying: {redirectPortInbound: 15006, redirectPortOutbound: 15001}, # t\n   # o\n  admin: {} }\n",
    );
  });
});

describe("which resources", () => {
  const dataplane = (indent = "") => `${indent}networking:\n${indent}  outbound: []\n`;
  const transparent = (indent = "") =>
    `${indent}networking:\n${SECTION.replaceAll(/^/gm, indent).slice(0, -indent.length || undefined)}`;
  test("all documents, and only Dataplanes", () => {
    const other = `type: ZoneEgress\n${dataplane()}`;
    const text = (section: string) =>
      `# one\ntype: Dataplane\n${section}---\n${other}...\n---\ntype: Dataplane\n${section}`;
    expect(run(text(dataplane())).text).toBe(text(transparent()));
  });
  test("the form of Kubernetes", () => {
    const text = (section: string) =>
      `apiVersion: kuma.io/v1alpha1\nkind: Dataplane\nmetadata:\n  name: a\nspec:\n${section}`;
    expect(run(text(dataplane("  "))).text).toBe(text(transparent("  ")));
  });
  test("below items", () => {
    const text = (section: string) => `items:\n- type: Dataplane\n${section}- type: Mesh\n`;
    expect(run(text(dataplane("  "))).text).toBe(text(transparent("  ")));
  });
});

describe("what cannot be changed is named with line and column", () => {
  const dp = "type: Dataplane\nnetworking:\n";
  test.each([
    ["", "dp.yaml:1:1: there is no Dataplane in it"],
    ["type: Mesh\n", "dp.yaml:1:1: there is no Dataplane in it, but Mesh"],
    ["\n- a\n", "dp.yaml:2:1: there is no Dataplane in it"],
    ["type: Dataplane\n", "dp.yaml:1:1: the Dataplane has no networking section"],
    ["type: Dataplane\nnetworking: 7\n", "dp.yaml:2:1: networking is no table of settings (key: value)"],
    ["n: &n {}\ntype: Dataplane\nnetworking: *n\n", "dp.yaml:3:1: networking is an alias, *n: write it out"],
    [`${dp}  a: [\n`, "dp.yaml:4:1: is not valid YAML: "],
    [`${dp}  a: "{{ x }}\n`, "dp.yaml:4:1: is not valid YAML: "],
    [`${dp}  address: {{ x }\n`, "dp.yaml:3:12: a placeholder begins here that does not end: }} is missing"],
    [`${dp}  {{=<% %>=}}\n`, "dp.yaml:3:3: this changes how placeholders are written"],
    [`${dp}  {{#a}}\n  outbound: []\n`, "dp.yaml:3:3: the section a has no end, {{/a}}"],
    [`${dp}  outbound: []\n  {{/a}}\n`, "dp.yaml:4:3: {{/a}} ends a section that did not begin"],
    [
      `${dp}  outbound:\n    {{#a}}\n    - port: 1\n  admin: {}\n  {{/a}}\n`,
      "dp.yaml:4:5: the section a of the template is half in",
    ],
    [`${dp}  <<: {outbound: []}\n`, "dp.yaml:3:3: networking takes settings from somewhere else (<<)"],
    [`${dp}  ? outbound\n  : []\n`, "dp.yaml:3:5: this key shares its line"],
    [
      `${dp}  outbound: [&a {port: 1}]\n  admin: *a\n`,
      "dp.yaml:4:10: *a stands for something in networking.outbound",
    ],
    [`${dp}  transparentProxying: 7\n`, "dp.yaml:3:3: transparentProxying is no table"],
    [`{type: Dataplane, networking: {{{#a}}outbound: []{{/a}}}}`, "dp.yaml:1:"],
  ])("%j", (text, message) => {
    expect(refused(text)).toContain(message);
  });
});
