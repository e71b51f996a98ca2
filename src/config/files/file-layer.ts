// SPDX-License-Identifier: Apache-2.0
import { isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from "yaml";
import type { Problem } from "../../core/errors.ts";
import type { AuxiliaryName } from "../auxiliary.ts";
import { IPTABLES_EXECUTABLES } from "../config.ts";
import type { Given } from "../layers.ts";
import { findNearest } from "../nearest.ts";
import type { SettingName } from "../setting.ts";
import { quote } from "../values.ts";
import { Aliases } from "./aliases.ts";
import { KNOWN_KEYS, type KnownKey, type KnownSetting, type KnownTable } from "./known-keys.ts";
import { toValue } from "./node-value.ts";
import { parsePlain } from "./parse-plain.ts";
import { parseYaml } from "./parse-yaml.ts";
import type { SourceText } from "./read-source.ts";

export interface FileContents {
  readonly layer: ReadonlyMap<SettingName | AuxiliaryName, Given>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** What a file says: its settings, as they are written; what it must not say, and what nobody knows. */
export function readFileLayer({ name, text }: SourceText): FileContents {
  const plain = parsePlain(text);
  if (plain === undefined) return readAnyYaml({ name, text });
  return new FileReader(name, plain.lines, new Aliases(undefined)).read(plain.contents);
}

/** By the parser for all of YAML. */
export function readAnyYaml({ name, text }: SourceText): FileContents {
  const parsed = parseYaml(text);
  if ("problem" in parsed) {
    const source = parsed.line === undefined ? name : `${name}:${parsed.line}`;
    return { layer: new Map(), problems: [{ source, message: parsed.problem }], warnings: [] };
  }
  const { document, lines } = parsed;
  if (document === undefined) return { layer: new Map(), problems: [], warnings: [] };
  return new FileReader(name, lines, new Aliases(document)).read(document.contents);
}

const MOST_WARNINGS = 20;

interface Entry {
  readonly key: string;
  readonly line: number;
  readonly value: Node | null;
  readonly merged: boolean;
}

class FileReader implements FileContents {
  readonly layer = new Map<SettingName | AuxiliaryName, Given>();
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  readonly #name: string;
  readonly #lines: LineCounter;
  readonly #aliases: Aliases;

  constructor(name: string, lines: LineCounter, aliases: Aliases) {
    this.#name = name;
    this.#lines = lines;
    this.#aliases = aliases;
  }

  read(contents: Node | null): this {
    this.#readTable(contents, KNOWN_KEYS, []);
    return this;
  }

  /** Nothing at all (`redirect:` and no more) leaves everything as it is, as in kumactl. */
  #readTable(node: Node | null, known: KnownTable, path: readonly string[], line?: number): void {
    const table = this.#resolve(node, path, line);
    if (table === undefined || isNull(table)) return;
    if (!isMap(table)) {
      this.#refuse(path, line, "must be a table of settings (key: value)");
      return;
    }
    const seen = new Map<string, number>();
    for (const entry of this.#entriesOf(table, path)) {
      if (entry.merged && seen.has(entry.key.toLowerCase())) continue;
      const found = known.get(entry.key.toLowerCase());
      const earlier = seen.get(entry.key.toLowerCase());
      if (earlier !== undefined) {
        this.#refuse([...path, entry.key], entry.line, `is there twice, in line ${earlier} too`);
      } else if (found === undefined) {
        const names = [...known.values()].map(({ name }) => name);
        this.#warn([...path, entry.key], entry.line, names);
      } else {
        this.#readKnown(entry, found, [...path, found.name]);
      }
      seen.set(entry.key.toLowerCase(), entry.line);
    }
  }

  #readKnown({ value, line }: Entry, { is }: KnownKey, path: readonly string[]): void {
    if (isTable(is)) {
      this.#readTable(value, is, path, line);
      return;
    }
    const node = this.#resolve(value, path, line);
    if (node === undefined || isNull(node)) return;
    const given =
      is.kind === "executables" && isMap(node)
        ? this.#readExecutables(node, path)
        : toValue(node, is.kind, (alias) => this.#resolve(alias, path, line));
    this.layer.set(is.setting, { value: given, source: this.#source(path, line) });
  }

  /** A table by name, as kumactl has it, in the form of the flag: a list of NAME:PATH. */
  #readExecutables(table: YAMLMap, path: readonly string[]): readonly string[] {
    return this.#entriesOf(table, path).flatMap(({ key, line, value }) => {
      if (!IPTABLES_EXECUTABLES.some((known) => known === key)) {
        this.#warn([...path, key], line, IPTABLES_EXECUTABLES);
        return [];
      }
      const node = this.#resolve(value, [...path, key], line);
      const file = node === undefined || isNull(node) ? "" : toValue(node, "path", () => undefined);
      if (typeof file === "string") return file === "" ? [] : [`${key}:${file}`];
      this.#refuse([...path, key], line, "must be a path");
      return [];
    });
  }

  /** The keys of a table, then those that it takes from others (`<<: *other`) and that count where it has none. */
  #entriesOf(table: YAMLMap<unknown, unknown>, path: readonly string[]): readonly Entry[] {
    const own: Entry[] = [];
    const merged: Entry[] = [];
    for (const { key, value } of table.items) {
      const line = this.#lines.linePos((isScalar(key) ? key.range?.[0] : table.range?.[0]) ?? 0).line;
      const node = isNode(value) ? value : null;
      if (!isScalar(key)) this.#refuse(path, line, "has a key that is not a word");
      else if (key.value === "<<") for (const each of this.#mergedFrom(node, path, line)) merged.push(each);
      else own.push({ key: String(key.source ?? key.value), line, value: node, merged: false });
    }
    return [...own, ...merged];
  }

  #mergedFrom(node: Node | null, path: readonly string[], line: number): readonly Entry[] {
    const tables = isSeq(node) ? node.items.map((item) => (isNode(item) ? item : null)) : [node];
    return tables.flatMap((each) => {
      const table = this.#resolve(each, path, line);
      if (isMap(table)) return this.#entriesOf(table, path).map((entry) => ({ ...entry, merged: true }));
      this.#refuse(path, line, "<< must name a table");
      return [];
    });
  }

  #resolve(node: Node | null, path: readonly string[], line: number | undefined): Node | undefined {
    if (!isAlias(node)) return node ?? undefined;
    const target = this.#aliases.follow(node);
    if (typeof target !== "string") return target;
    this.#refuse(path, line, target);
    return undefined;
  }

  #refuse(path: readonly string[], line: number | undefined, message: string): void {
    this.problems.push({ source: this.#source(path, line), message });
  }

  /** A file about something else has nothing but such keys: after some of them the user knows. */
  #warn(path: readonly string[], line: number, names: readonly string[]): void {
    if (this.warnings.length > MOST_WARNINGS) return;
    if (this.warnings.length === MOST_WARNINGS) {
      this.warnings.push(`${this.#name}: more keys are not known`);
      return;
    }
    const nearest = findNearest(path.at(-1) ?? "", names);
    const hint = nearest === undefined ? "" : `; did you mean ${[...path.slice(0, -1), nearest].join(".")}?`;
    this.warnings.push(`${this.#source(path, line)}: this key is not known and does nothing${hint}`);
  }

  #source(path: readonly string[], line: number | undefined): string {
    const key = path.length === 0 ? "" : `:${path.map(shorten).join(".")}`;
    return `${this.#name}${key}${line === undefined ? "" : ` (line ${line})`}`;
  }
}

function isTable(is: KnownTable | KnownSetting): is is KnownTable {
  return is instanceof Map;
}

function isNull(node: Node): boolean {
  return isScalar(node) && node.value === null;
}

/** A key as it is; one that is no word in quotes. */
function shorten(key: string): string {
  return /^[\w-]{1,60}$/.test(key) ? key : quote(key);
}
