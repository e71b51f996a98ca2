// What the benchmark makes of samples. What it measures, it measures: ./scripts/bench.

import { describe, expect, test } from "vitest";
import { outcomesOf } from "../../bench/goals.ts";
import { htmlOf } from "../../bench/report/html.ts";
import { markdownOf } from "../../bench/report/markdown.ts";
import { formatCount, formatNumber } from "../../bench/report/numbers.ts";
import type { Results } from "../../bench/results.ts";
import { type Measured, Recorder, type Series, samplesOf } from "../../bench/series.ts";
import { median, shuffled, summarize } from "../../bench/statistics.ts";

const CONNECT: Measured = {
  part: "connect",
  quantity: "connect",
  unit: "µs",
  scenario: "outbound IPv4",
  candidate: "direct",
};

/** The first round is a warm-up: whatever it says, it must not count. */
function series(measured: Partial<Measured>, ...rounds: readonly (readonly number[])[]): Series {
  return { ...CONNECT, ...measured, rounds: [[9999], ...rounds] };
}

test("a summary interpolates between two samples", () => {
  expect(summarize([4, 1, 3, 2])).toEqual({ count: 4, min: 1, p25: 1.75, median: 2.5, p75: 3.25, max: 4 });
  expect(() => median([])).toThrow("there is no sample");
});

test("shuffling loses nothing and changes nothing", () => {
  const things = Array.from({ length: 50 }, (_, index) => index);
  const orders = new Set(Array.from({ length: 5 }, () => shuffled(things).join()));
  expect(orders.size).toBeGreaterThan(1);
  expect(shuffled(things).sort((a, b) => a - b)).toEqual(things);
});

test("samples of the same thing come together, round by round, without the first", () => {
  const recorder = new Recorder();
  for (const samples of [[1], [2, 3], [4]]) recorder.add(CONNECT, samples);
  recorder.add({ ...CONNECT, x: 1 }, [5]);
  expect(recorder.series.map(({ rounds }) => rounds)).toEqual([[[1], [2, 3], [4]], [[5]]]);
  const [first, second] = recorder.series;
  expect(first && samplesOf(first)).toEqual([2, 3, 4]);
  expect(() => second && samplesOf(second)).toThrow("nothing was measured");
});

describe("a goal", () => {
  const direct = series({}, [20, 21, 22], [20, 21, 22]);

  test.each([
    [[30, 31, 31], true],
    [[31, 32, 32], false],
  ])("for what is added is met up to its limit: %j", (samples, met) => {
    const outcomes = outcomesOf([direct, series({ candidate: "eBPF" }, samples, samples)]);
    expect(outcomes).toMatchObject([{ of: "outbound IPv4, eBPF", value: met ? 10 : 11, unit: "µs", met }]);
  });

  test.each([
    [97, true],
    [96, false],
  ])("for a ratio is met from its limit on: %d", (rate, met) => {
    const what = { part: "transfer", quantity: "stream", unit: "MB/s", x: 1024 } as const;
    const outcomes = outcomesOf([series(what, [100]), series({ ...what, candidate: "eBPF, tc" }, [rate])]);
    expect(outcomes).toMatchObject([{ of: "outbound IPv4, 1024, eBPF, tc", value: rate / 100, met }]);
  });

  test("for a list compares with the shortest", () => {
    const list = (x: number, us: number) => series({ part: "lists", candidate: "eBPF", x }, [us]);
    expect(outcomesOf([list(1000, 21), list(0, 20), list(100_000, 23)]).map(({ met }) => met)).toEqual([
      true,
      false,
    ]);
  });

  test("says how sure it is, round by round", () => {
    const slowRound = [[10], [100], [10]] as const;
    const [outcome] = outcomesOf([
      series({ part: "transfer", quantity: "stream", x: 1 }, ...slowRound),
      series({ part: "transfer", quantity: "stream", x: 1, candidate: "eBPF" }, ...slowRound),
    ]);
    expect(outcome?.spread).toMatchObject({ count: 3, p25: 1, p75: 1 });
  });
});

test("numbers have three digits that say something", () => {
  expect([0.12345, 1.2345, 12.345, 123.45, 12_345.6].map(formatNumber)).toEqual([
    "0.123",
    "1.23",
    "12.3",
    "123",
    "12,346",
  ]);
  expect(formatCount(65_534)).toBe("65\u00a0534");
});

describe("the report", () => {
  const surroundings = {
    kernel: "6.18.0",
    distribution: "Debian <12>",
    processors: "2 × a processor",
    memoryGiB: 24,
    node: "v24",
    iptables: "iptables v1.8.9 (nf_tables)",
    load: [0, 0, 0],
    build: "abc",
  };
  const results: Results = {
    format: 2,
    started: "2026-11-28T04:00:00.000Z",
    seconds: 1800,
    quick: false,
    before: surroundings,
    after: surroundings,
    parts: [{ name: "connect", about: "Connections." }],
    series: [
      series({}, [20, 21, 22]),
      series({ candidate: "iptables-nft" }, [42]),
      series({ candidate: "eBPF" }, [25]),
    ],
  };

  test("has a row for everything that was measured, the base first, and ratios to it", () => {
    const rows = markdownOf(results)
      .split("\n")
      .filter((line) => line.startsWith("| outbound IPv4"));
    expect(rows).toEqual([
      "| outbound IPv4 | direct | 21.0 | 20.5 to 21.5 |  |",
      "| outbound IPv4 | iptables-nft | 42.0 | 42.0 to 42.0 | × 2.00 |",
      "| outbound IPv4 | eBPF | 25.0 | 25.0 to 25.0 | × 1.19 |",
    ]);
  });

  test("says what else has a say in the figures, and that a build in between spoils them", () => {
    expect(markdownOf(results)).toContain("Linux 6.18.0, Debian <12>, 2 × a processor, 24 GiB");
    expect(markdownOf(results)).not.toContain("WARNING");
    expect(markdownOf({ ...results, before: { ...surroundings, build: "abd" } })).toContain("WARNING");
  });

  test("is HTML with the pictures in it, and with nothing that is taken for a tag", () => {
    const html = htmlOf(results, new Map([["connect-connect", "<svg>a picture</svg>"]]));
    expect(html).toContain("<svg>a picture</svg>");
    expect(html).toContain("Debian &lt;12&gt;");
    expect(html).toContain("<td>met</td>");
  });
});
