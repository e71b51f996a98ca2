// The charts, as vega-lite describes them. Pure: what is drawn is in the specification.

import type { TopLevelSpec } from "vega-lite";
import { orderOf } from "../order.ts";
import { formatCount } from "./numbers.ts";
import type { Table } from "./sections.ts";

/** Of Okabe and Ito: told apart by everybody, also in grey. */
const COLORS: Readonly<Record<string, string>> = {
  direct: "#999999",
  "direct again": "#bbbbbb",
  "nothing installed": "#999999",
  "iptables-nft": "#d55e00",
  "iptables-legacy": "#e69f00",
  eBPF: "#0072b2",
  "eBPF, tc": "#56b4e9",
};
const OTHERS = ["#009e73", "#cc79a7", "#f0e442"] as const;

/** Where the largest is so many times the smallest, the axis is logarithmic. */
const WIDE = 20;
const LOGARITHMIC = { type: "log" } as const;
const LINEAR = { type: "linear", zero: true } as const;
const FONT = "DejaVu Sans, Verdana, sans-serif";

export function chartOf(table: Table): TopLevelSpec {
  const scenarios = [...new Set(table.rows.map(({ scenario }) => scenario))];
  return {
    background: "white",
    config: { font: FONT, axis: { labelFontSize: 11, titleFontSize: 11, labelLimit: 300 } },
    title: { text: `${table.quantity}, ${table.unit}`, anchor: "start", fontSize: 13 },
    columns: 2,
    concat: scenarios.map((scenario) => panel(table, scenario)),
    resolve: { scale: { color: "shared" } },
  };
}

type Panel = Extract<TopLevelSpec, { concat: unknown }>["concat"][number];
type Drawing = Pick<Extract<Panel, { layer: unknown }>, "height" | "layer">;

/** One for each situation: what is compared stands in the same one. */
function panel(table: Table, scenario: string): Panel {
  const values = table.rows
    .filter((row) => row.scenario === scenario)
    .map(({ candidate, x, summary: { p25, median, p75 } }) => {
      return { candidate, x: x === undefined ? "" : formatCount(x), low: p25, median, high: p75 };
    });
  const common = { title: { text: scenario, fontSize: 11 }, data: { values }, width: 300 };
  return { ...common, ...(table.xTitle === undefined ? bars(table) : lines(table, scenario)) };
}

/** A row for each candidate; the line through its end is from the first to the third quartile. */
function bars(table: Table): Drawing {
  const y = { field: "candidate", type: "nominal", sort: namesOf(table), axis: { title: null } } as const;
  const x = { type: "quantitative", title: table.unit, scale: { zero: true } } as const;
  return {
    height: { step: 20 },
    layer: [
      {
        mark: { type: "bar", height: 12 },
        encoding: { y, x: { ...x, field: "median" }, color: colorOf(table, false) },
      },
      {
        mark: { type: "rule", strokeWidth: 2, color: "black" },
        encoding: { y, x: { ...x, field: "low" }, x2: { field: "high" } },
      },
    ],
  };
}

/** Over the number that it may depend on, at even distances. */
function lines(table: Table, scenario: string): Drawing {
  const rows = table.rows.filter((row) => row.scenario === scenario);
  const medians = rows.map(({ summary }) => summary.median);
  const isWide = Math.max(...medians) > WIDE * Math.min(...medians);
  const order = [...new Set(rows.map(({ x }) => x ?? 0))].sort((a, b) => a - b).map(formatCount);
  const x = {
    field: "x",
    type: "ordinal",
    sort: order,
    axis: { title: table.xTitle ?? "", labelAngle: 0 },
  } as const;
  const y = {
    type: "quantitative",
    title: table.unit,
    scale: isWide ? LOGARITHMIC : LINEAR,
  } as const;
  const color = colorOf(table, true);
  return {
    height: 180,
    layer: [
      { mark: { type: "line", point: true }, encoding: { x, y: { ...y, field: "median" }, color } },
      {
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
    ],
  };
}

function namesOf(table: Table): string[] {
  return [...new Set(table.rows.map(({ candidate }) => candidate))].sort((a, b) => orderOf(a) - orderOf(b));
}

function colorOf(table: Table, legend: boolean) {
  const domain = namesOf(table);
  const unknown = domain.filter((name) => COLORS[name] === undefined);
  const range = domain.map(
    (name) => COLORS[name] ?? OTHERS[unknown.indexOf(name) % OTHERS.length] ?? "black",
  );
  return {
    field: "candidate",
    type: "nominal",
    scale: { domain, range },
    legend: legend ? { title: null, orient: "bottom" } : null,
  } as const;
}
