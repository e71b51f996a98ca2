// What the project wants to reach, and whether it did: ratios and differences of medians in one run.

import { added, type Comparison, compare, ratio } from "./comparison.ts";
import { inOrder } from "./order.ts";
import type { Series } from "./series.ts";
import { summarize } from "./statistics.ts";

export interface Outcome extends Comparison {
  readonly goal: string;
  /** In which situation, of which candidate. */
  readonly of: string;
  readonly unit: string;
  readonly decimals: number;
  readonly met: boolean;
}

interface Goal {
  readonly text: string;
  readonly part: string;
  readonly quantity: string;
  readonly how: typeof ratio;
  /** Which series it is about, and beside which one. */
  readonly pairs: (series: readonly Series[]) => readonly Pair[];
  readonly limit: number;
  readonly least?: boolean;
}

interface Pair {
  readonly series: Series;
  readonly base: Series;
}

const EBPF = ["eBPF", "eBPF, tc"];
const outbound = ({ scenario }: Series) => scenario.startsWith("outbound");
const inbound = ({ scenario }: Series) => scenario.startsWith("inbound");

/** Each series of `candidates` with that of `base` in the same situation. */
function beside(
  base: string,
  candidates: readonly string[] = EBPF,
  among: (series: Series) => boolean = () => true,
) {
  return (all: readonly Series[]): readonly Pair[] =>
    all
      .filter((each) => candidates.includes(each.candidate) && among(each))
      .flatMap((series) => {
        const found = all.find(
          (each) => each.candidate === base && each.scenario === series.scenario && each.x === series.x,
        );
        return found === undefined ? [] : [{ series, base: found }];
      });
}

/** Each series that has a number with that of the smallest one. */
function besideSmallest(candidates: readonly string[]) {
  return (all: readonly Series[]): readonly Pair[] =>
    all
      .filter(({ candidate, x }) => candidates.includes(candidate) && x !== undefined)
      .flatMap((series) => {
        const family = all.filter(
          ({ scenario, candidate }) => scenario === series.scenario && candidate === series.candidate,
        );
        const base = family.reduce((least, each) => ((each.x ?? 0) < (least.x ?? 0) ? each : least), series);
        return base === series ? [] : [{ series, base }];
      });
}

const GOALS: readonly Goal[] = [
  {
    text: "outbound connect: at most 10 µs more than direct",
    part: "connect",
    quantity: "connect",
    how: added,
    pairs: beside("direct", EBPF, outbound),
    limit: 10,
  },
  {
    text: "inbound connect: at most 4 µs more than direct",
    part: "connect",
    quantity: "connect",
    how: added,
    pairs: beside("direct", EBPF, inbound),
    limit: 4,
  },
  {
    text: "connections with a request a second: at least 0.87 × direct",
    part: "connect",
    quantity: "connections a second",
    how: ratio,
    pairs: beside("direct"),
    limit: 0.87,
    least: true,
  },
  ...["iptables-nft", "iptables-legacy"].map(
    (iptables): Goal => ({
      text: `connections with a request a second: at least 1.1 × ${iptables}`,
      part: "connect",
      quantity: "connections a second",
      how: ratio,
      pairs: beside(iptables),
      limit: 1.1,
      least: true,
    }),
  ),
  ...["round trips", "stream"].map(
    (quantity): Goal => ({
      text: `${quantity}: at least 0.97 × direct`,
      part: "transfer",
      quantity,
      how: ratio,
      pairs: beside("direct"),
      limit: 0.97,
      least: true,
    }),
  ),
  {
    text: "connect beside any list: at most 1.1 × without it",
    part: "lists",
    quantity: "connect",
    how: ratio,
    pairs: besideSmallest(EBPF),
    limit: 1.1,
  },
  {
    text: "bystanders: at most 0.3 µs more for a connect",
    part: "bystanders",
    quantity: "connect",
    how: added,
    pairs: beside("nothing installed", ["eBPF"]),
    limit: 0.3,
  },
];

/** Goals of parts that were not run are left out. */
export function outcomesOf(all: readonly Series[]): readonly Outcome[] {
  const series = inOrder(all);
  const compared = GOALS.flatMap((goal) => {
    const among = series.filter(({ part, quantity }) => part === goal.part && quantity === goal.quantity);
    return goal.pairs(among).map((pair) => judge(goal, pair));
  });
  return [...compared, ...openOutcomes(series)];
}

const OPEN = 100_000;

/** Fewer than were asked for are an error of the benchmark: what was measured was open, in each round. */
function openOutcomes(series: readonly Series[]): readonly Outcome[] {
  const counted = series.filter(
    ({ part, quantity }) => part === "open connections" && quantity.startsWith("memory"),
  );
  if (!counted.some(({ x = 0 }) => x >= OPEN)) return [];
  // They come in the order of their numbers: the largest one of each stays.
  const most = new Map(
    counted
      .filter(({ candidate }) => EBPF.includes(candidate))
      .map(({ scenario, candidate, x = 0 }) => [`${scenario}, ${candidate}`, x]),
  );
  return [...most].map(([of, value]) => ({
    goal: "connections open at the same time: at least 100 000",
    of,
    value,
    spread: summarize([value]),
    unit: "",
    decimals: 0,
    met: value >= OPEN,
  }));
}

function judge({ text, how, limit, least = false }: Goal, { series, base }: Pair): Outcome {
  const comparison = compare(series, base, how);
  return {
    goal: text,
    of: [series.scenario, ...(series.x === undefined ? [] : [String(series.x)]), series.candidate].join(", "),
    ...comparison,
    unit: how === ratio ? "×" : series.unit,
    decimals: how === ratio ? 3 : 2,
    met: least ? comparison.value >= limit : comparison.value <= limit,
  };
}
