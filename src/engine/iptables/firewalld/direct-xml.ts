// SPDX-License-Identifier: Apache-2.0

/** A chain, a rule or a passthrough of firewalld's direct configuration (firewalld.direct(5)). */
export interface DirectEntry {
  readonly element: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Its text, without entities. */
  readonly content: string;
  /** Where it stands in the text of the file. */
  readonly start: number;
  readonly end: number;
}

/** The file as it is: whoever changes it cuts and inserts, so that all else stays byte for byte. */
export interface DirectDocument {
  readonly text: string;
  /** Also comments, as entries of the element "#comment" with their text. */
  readonly entries: readonly DirectEntry[];
  /** Where the end tag of `direct` begins; undefined: it is an empty element, `direct` from start to end. */
  readonly endTag: number | undefined;
  readonly direct: { readonly start: number; readonly end: number };
}

export const COMMENT = "#comment";

const TOKEN =
  /<!--(?<comment>[\s\S]*?)-->|<!\[CDATA\[(?<cdata>[\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*>|<\/(?<close>[^\s<>/]+)\s*>|<(?<open>[^\s<>/!?]+)(?<attributes>(?:\s+[^\s=<>]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(?<empty>\/?)>|(?<text>[^<]+)/y;

interface Open {
  readonly name: string;
  readonly start: number;
  readonly attributes: Readonly<Record<string, string>>;
  content: string;
}

/** Undefined where it is no XML that could be firewalld's, or more of XML than firewalld writes. */
export function parseDirect(text: string): DirectDocument | undefined {
  const entries: DirectEntry[] = [];
  const open: Open[] = [];
  let direct: { start: number; end: number; endTag: number | undefined } | undefined;
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) return undefined;
    const [start, end] = [at, TOKEN.lastIndex];
    at = end;
    const groups = found.groups ?? {};
    const [parent, entry] = open;
    if (groups.open !== undefined) {
      const element = {
        name: groups.open,
        start,
        attributes: readAttributes(groups.attributes ?? ""),
        content: "",
      };
      if (parent === undefined && (element.name !== "direct" || direct !== undefined)) return undefined;
      if (groups.empty === "") open.push(element);
      else if (parent === undefined) direct = { start, end, endTag: undefined };
      else if (entry === undefined) entries.push(toEntry(element, end));
    } else if (groups.close !== undefined) {
      const closed = open.pop();
      if (closed?.name !== groups.close) return undefined;
      if (open.length === 0) direct = { start: closed.start, end, endTag: start };
      if (open.length === 1) entries.push(toEntry(closed, end));
    } else if (groups.comment !== undefined) {
      if (open.length === 1)
        entries.push({ element: COMMENT, attributes: {}, content: groups.comment, start, end });
    } else if (entry !== undefined) {
      entry.content += groups.cdata ?? decodeEntities(groups.text ?? "");
    } else if (parent === undefined && (groups.text ?? "").trim() !== "") {
      return undefined;
    }
  }
  if (direct === undefined || open.length > 0) return undefined;
  return { text, entries, endTag: direct.endTag, direct };
}

/** The text without some of its entries; a line that has nothing else goes with its entry. */
export function cut({ text }: DirectDocument, entries: readonly DirectEntry[]): string {
  let left = "";
  let at = 0;
  for (const { start, end } of entries) {
    const lineStart = text.lastIndexOf("\n", start - 1) + 1;
    const lineEnd = text.indexOf("\n", end);
    const isAlone =
      lineEnd >= 0 && (text.slice(Math.max(lineStart, at), start) + text.slice(end, lineEnd)).trim() === "";
    left += text.slice(at, isAlone ? Math.max(lineStart, at) : start);
    at = isAlone ? lineEnd + 1 : end;
  }
  return left + text.slice(at);
}

/** The text with lines, each of one or more whole entries, as the last of `direct`. */
export function insert({ text, direct, endTag }: DirectDocument, lines: readonly string[]): string {
  const block = lines.map((line) => `  ${line}\n`).join("");
  if (endTag === undefined)
    return `${text.slice(0, direct.start)}<direct>\n${block}</direct>${text.slice(direct.end)}`;
  const lineStart = text.lastIndexOf("\n", endTag - 1) + 1;
  if (text.slice(lineStart, endTag).trim() === "")
    return text.slice(0, lineStart) + block + text.slice(lineStart);
  return `${text.slice(0, endTag)}\n${block}${text.slice(endTag)}`;
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]+));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function readAttributes(text: string): Readonly<Record<string, string>> {
  const pairs = text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g);
  return Object.fromEntries(
    [...pairs].map(([, name, double, single]) => [name, decodeEntities(double ?? single ?? "")]),
  );
}

function toEntry({ name, attributes, content, start }: Open, end: number): DirectEntry {
  return { element: name, attributes, content, start, end };
}
