// SPDX-License-Identifier: Apache-2.0

/** What is to stand in `transparentProxying`: values as they are written in YAML, lists of them. */
export type SectionEntries = readonly (readonly [key: string, value: string | readonly string[]])[];

/** How a file is written. */
export interface Layout {
  /** Before the keys of `networking`; undefined where they share lines with others. */
  readonly indent: string | undefined;
  /** One level. */
  readonly step: string;
  readonly newline: "\n" | "\r\n";
  /** Keys stand in quotation marks: JSON. */
  readonly quoted: boolean;
}

/** `transparentProxying` as lines of a table, without the newline at its end. */
export function linesOfSection(entries: SectionEntries, layout: Layout): string {
  const indent = layout.indent ?? "";
  const lines = linesOfEntries(entries, { ...layout, indent: indent + layout.step });
  return `${indent}transparentProxying:${layout.newline}${lines}`;
}

/** The entries alone. */
export function linesOfEntries(entries: SectionEntries, { indent = "", step, newline }: Layout): string {
  const lines = entries.flatMap(([key, value]) =>
    typeof value === "string"
      ? [`${indent}${key}: ${value}`]
      : [`${indent}${key}:`, ...value.map((item) => `${indent}${step}- ${item}`)],
  );
  return lines.join(newline);
}

/** `transparentProxying` in braces: over several lines where `networking` is, too. */
export function bracesOfSection(entries: SectionEntries, layout: Layout): string {
  const { indent, step, newline } = layout;
  const key = quoteKey("transparentProxying", layout);
  const inside = bracesOfEntries(entries, layout);
  if (indent === undefined) return `${key}: {${inside.join(", ")}}`;
  const lines = inside.map((entry) => `${indent}${step}${entry}`);
  return [`${key}: {`, lines.join(`,${newline}`), `${indent}}`].join(newline);
}

/** Each entry alone, without commas between them. */
export function bracesOfEntries(entries: SectionEntries, layout: Layout): string[] {
  return entries.map(([key, value]) => {
    const text = typeof value === "string" ? quoteWord(value, layout) : `[${value.join(", ")}]`;
    return `${quoteKey(key, layout)}: ${text}`;
  });
}

function quoteKey(key: string, { quoted }: Layout): string {
  return quoted ? JSON.stringify(key) : key;
}

function quoteWord(value: string, { quoted }: Layout): string {
  return quoted && !/^[0-9]+$/.test(value) ? JSON.stringify(value) : value;
}
