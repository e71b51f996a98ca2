// Charts as pictures: SVG by vega, and PNG from that by resvg. No browser is needed.

import { Resvg } from "@resvg/resvg-js";
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

export async function drawSvg(specification: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(specification).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Two pixels for one: sharp on the screens of today. */
export function drawPng(svg: string): Uint8Array {
  const options = {
    font: { loadSystemFonts: true, defaultFontFamily: "DejaVu Sans" },
    fitTo: { mode: "zoom", value: 2 },
  } as const;
  return new Resvg(svg, options).render().asPng();
}
