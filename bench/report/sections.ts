// The results as a reader wants them: a section for each part, with a table for each thing that was measured.

import { compare, ratio } from "../comparison.ts";
import { inOrder } from "../order.ts";
import type { PartDescription, Results } from "../results.ts";
import { type Series, samplesOf, type Unit } from "../series.ts";
import { type Summary, summarize } from "../statistics.ts";

export interface Section {
  readonly part: PartDescription;
  readonly tables: readonly Table[];
}

export interface Table {
  /** For file names: "connect-connect". */
  readonly id: string;
  readonly quantity: string;
  readonly unit: Unit;
  /** What the rows' numbers are, where they have any. */
  readonly xTitle: string | undefined;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly scenario: string;
  readonly candidate: string;
  readonly x: number | undefined;
  readonly summary: Summary;
  /** To what it is compared with, in the same situation; undefined: it is that, or there is none. */
  readonly ratio: number | undefined;
}

/** What the others of a part are compared with. */
const BASES: Readonly<Record<string, string>> = {
  bystanders: "nothing installed",
  commands: "iptables-nft",
  "start-up": "an empty Node",
};
const BASE = "direct";

const X_TITLES: Readonly<Record<string, string>> = {
  transfer: "bytes",
  lists: "length of the list",
  instances: "instances",
  "open connections": "connections",
  Envoy: "connections",
};

export function sectionsOf({ parts, series }: Results): readonly Section[] {
  return parts.map((part) => {
    const own = series.filter((each) => each.part === part.name);
    const quantities = [...new Set(own.map(({ quantity }) => quantity))];
    return { part, tables: quantities.map((quantity) => tableOf(part, quantity, own)) };
  });
}

function tableOf({ name }: PartDescription, quantity: string, own: readonly Series[]): Table {
  const among = own.filter((each) => each.quantity === quantity);
  const [first] = among;
  if (first === undefined) throw new Error(`nothing was measured of ${quantity}`);
  const slug = `${name} ${quantity}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const rows = among.map((each) => rowOf(each, among, BASES[name] ?? BASE));
  const hasX = rows.some(({ x }) => x !== undefined);
  return {
    id: slug,
    quantity,
    unit: first.unit,
    xTitle: hasX ? X_TITLES[name] : undefined,
    rows: inOrder(rows),
  };
}

function rowOf(series: Series, among: readonly Series[], baseName: string): Row {
  const { scenario, candidate, x } = series;
  const base = among.find(
    (each) => each.candidate === baseName && each.scenario === scenario && each.x === x && each !== series,
  );
  return {
    scenario,
    candidate,
    x,
    summary: summarize(samplesOf(series)),
    ratio: base === undefined ? undefined : compare(series, base, ratio).value,
  };
}
