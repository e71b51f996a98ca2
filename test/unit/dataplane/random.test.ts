import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { type TransformOptions, transform } from "../../../src/dataplane/transform.ts";
import { randomNumbers, randomSample } from "./random-dataplane.ts";

const SAMPLES = Number(process.env.TPROXYCTL_SAMPLES ?? 200);

const OPTIONS: TransformOptions = {
  inbound: { port: 15006, correct: false },
  outbound: { port: 15001, correct: false },
  ipv4Only: false,
  reachableServices: false,
};

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
