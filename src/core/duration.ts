// SPDX-License-Identifier: Apache-2.0

/** Milliseconds of each unit that Go's time.ParseDuration knows. Both of Unicode's micro signs, as there. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["\u00b5s", 1e-3],
  ["\u03bcs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;

/**
 * Reads a duration in Go's notation: `2s`, `500ms`, `1m30s`, `1.5h`, or a plain 0. Returns whole milliseconds, the
 * nearest; undefined where the text is none. A sign is none of it: nothing here lasts less than no time.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const parts = [...text.matchAll(PART)];
  if (text === "" || parts.map(([part]) => part).join("") !== text) return undefined;
  const milliseconds = parts.map(([, number, unit = ""]) => Number(number) * (UNITS.get(unit) ?? Number.NaN));
  return Math.round(milliseconds.reduce((sum, each) => sum + each, 0));
}
