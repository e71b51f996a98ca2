import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { TproxyError } from "../../../src/core/errors.ts";
import { toPlain } from "../../../src/dataplane/plain.ts";
import { readDataplanes } from "../../../src/dataplane/read.ts";
import { findTags } from "../../../src/dataplane/tags.ts";
import { transform } from "../../../src/dataplane/transform.ts";
import { IPV4, OPTIONS } from "./options.ts";
import { randomNumbers, randomSample } from "./random-dataplane.ts";

const SAMPLES = Number(process.env.TPROXYCTL_SAMPLES ?? 200);

test(`${SAMPLES} Dataplanes: the section is in its place, all else is as it was, and once is as good as twice`, {
  timeout: 600_000,
}, () => {
  const seed = Number(process.env.TPROXYCTL_SEED ?? 20_261_127);
  const next = randomNumbers(seed);
  for (let index = 0; index < SAMPLES; index++) {
    const { text, transparent, withServices } = randomSample(next);
    const about = `seed ${seed}, sample ${index}:\n${text}`;
    const run = (input: string, reachableServices: boolean) =>
      transform({ name: "dp.yaml", text: input }, { ...OPTIONS, reachableServices }).text;
    expect(run(text, false), about).toBe(transparent);
    expect(run(text, true), about).toBe(withServices);
    expect(run(transparent, false), about).toBe(transparent);
    expect(run(withServices, true), about).toBe(withServices);
  }
});

/** Random JSON, whose meaning the language itself tells. */
test("JSON says the same as before, but for the change", { timeout: 120_000 }, () => {
  const next = randomNumbers(5);
  for (let index = 0; index < 100; index++) {
    const outbound = Array.from({ length: Math.floor(next() * 3) }, (_, port) => ({
      port,
      tags: { "kuma.io/service": `s${port}` },
    }));
    const entries: [string, unknown][] = [
      ["address", "{{ address }}"],
      ["inbound", [{ port: 1, tags: { "a:,}": "{" } }]],
      ["outbound", outbound],
      ...(next() < 0.5
        ? [
            ["transparentProxying", next() < 0.5 ? {} : { a: [1], redirectPortInbound: 7 }] as [
              string,
              unknown,
            ],
          ]
        : []),
    ];
    const networking = Object.fromEntries(entries.toSorted(() => next() - 0.5));
    const before = { name: "a", type: "Dataplane", networking, last: null };
    const text = JSON.stringify(before, null, [0, 2, 4, "\t"][Math.floor(next() * 4)]);
    const { outbound: _, ...rest } = networking;
    const section = {
      redirectPortInbound: 15006,
      redirectPortOutbound: 15001,
      ...(rest.transparentProxying ?? {}),
    };
    const { text: after } = transform({ name: "dp.json", text }, OPTIONS);
    expect(JSON.parse(after), text).toEqual({
      ...before,
      networking: { ...rest, transparentProxying: section },
    });
    expect(parseAllDocuments(after)).toHaveLength(1);
    expect(transform({ name: "dp.json", text: after }, OPTIONS).text).toBe(after);
  }
});

const PIECES = [
  "{{",
  "}}",
  "{{#a}}",
  "{{/a}}",
  "- ",
  ":",
  "\n",
  "\r",
  "  ",
  "*a",
  "&a ",
  "[",
  "]",
  "{",
  "}",
  "? ",
];
const MORE_PIECES = [
  "<<: ",
  "outbound:",
  "transparentProxying: ",
  "#",
  "|",
  '"',
  "'",
  "---\n",
  "\ue000",
  "~",
  "!x ",
  ",",
];

test("what is spoilt is refused at a place, or says the same as before, but for the change", {
  timeout: 120_000,
}, () => {
  const next = randomNumbers(7);
  const pieces = [...PIECES, ...MORE_PIECES];
  const outcomes = { refused: 0, changed: 0 };
  for (let index = 0; index < 2 * SAMPLES; index++) {
    const text = spoil(randomSample(next).text, pieces, next);
    try {
      const { text: after } = transform({ name: "dp.yaml", text }, { ...OPTIONS, family: IPV4 });
      expect(rest(after), text).toEqual(rest(text));
      expect(transform({ name: "dp.yaml", text: after }, { ...OPTIONS, family: IPV4 }).text).toBe(after);
      outcomes.changed++;
    } catch (error) {
      if (!(error instanceof TproxyError)) throw error;
      expect(error.message, text).toMatch(/^dp\.yaml:\d+:\d+: /);
      outcomes.refused++;
    }
  }
  expect(Math.min(outcomes.refused, outcomes.changed)).toBeGreaterThan(SAMPLES / 5);
});

/** Up to three pieces put in, a few letters taken out. */
function spoil(text: string, pieces: readonly string[], next: () => number): string {
  let spoilt = text;
  for (let count = Math.ceil(next() * 3); count > 0; count--) {
    const at = Math.floor(next() * spoilt.length);
    const piece = next() < 0.7 ? (pieces[Math.floor(next() * pieces.length)] ?? "") : "";
    spoilt = spoilt.slice(0, at) + piece + spoilt.slice(at + Math.floor(next() * 4));
  }
  return spoilt;
}

/** The Dataplanes of a text, without what `transform` is about. */
function rest(text: string): unknown {
  const source = { name: "dp.yaml", text };
  const file = readDataplanes(source, findTags(source));
  return file.dataplanes.map((dataplane) => {
    const copy = JSON.parse(JSON.stringify(toPlain(file, dataplane).data));
    const networking = copy.networking ?? copy.spec.networking;
    const { redirectPortInbound, redirectPortOutbound, ipFamilyMode, ...kept } =
      networking.transparentProxying ?? {};
    return {
      copy: { ...copy, networking: undefined, spec: { ...copy.spec, networking: undefined } },
      kept,
      networking: { ...networking, outbound: undefined, transparentProxying: undefined },
    };
  });
}
