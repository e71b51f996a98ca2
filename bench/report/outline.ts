// What a run says on the terminal: the goals, and what else has a say in the figures.

import { type Outcome, outcomesOf } from "../goals.ts";
import type { Results } from "../results.ts";
import { WARM_UP_ROUNDS } from "../series.ts";

export function outline(results: Results): string {
  const outcomes = outcomesOf(results.series);
  const texts = [...new Set(outcomes.map(({ goal }) => goal))];
  const lines = texts.flatMap((text) => {
    const of = outcomes.filter(({ goal }) => goal === text);
    return [`\n${text}`, ...of.map(outcomeLine)];
  });
  return [...lines, "", describeRun(results)].join("\n");
}

function outcomeLine(outcome: Outcome): string {
  const { of, met } = outcome;
  return `  ${met ? "met   " : "MISSED"}  ${of.padEnd(58)} ${outcomeText(outcome)}`;
}

/** "0.982 × (0.976 to 0.990)" */
export function outcomeText({ value, spread, unit, decimals }: Outcome): string {
  const [median, low, high] = [value, spread.p25, spread.p75].map((each) => each.toFixed(decimals));
  return `${median} ${unit} (${low} to ${high})`;
}

export function describeRun({ before, after, started, seconds, quick, series }: Results): string {
  const { kernel, distribution, processors, memoryGiB, node, iptables, build } = after;
  const rounds = series.map((each) => each.rounds.length - WARM_UP_ROUNDS);
  return [
    `${started.slice(0, 10)}, ${quick ? "quick run" : "full run"} of ${Math.round(seconds / 60)} min: ${Math.min(...rounds)} to ${Math.max(...rounds)} rounds.`,
    `Linux ${kernel}, ${distribution}, ${processors}, ${memoryGiB} GiB, Node ${node}, ${iptables}, build ${build}.`,
    `Load average (1, 5, 15 minutes) before: ${before.load.join(" ")}, after: ${after.load.join(" ")}.`,
    `Left out, as declared: the first round of each part, which fills caches. Nothing else.`,
    ...(before.build === build
      ? []
      : ["WARNING: the program was built anew meanwhile: the figures are a mixture."]),
  ].join("\n");
}
