// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../../core/address.ts";
import { findOurs, isOurChain, ruleKey } from "../ownership.ts";
import type { RuleKey } from "../pick-recorded.ts";
import type { AppliedRules } from "../record.ts";
import { TABLES } from "../rule.ts";
import type { SavedRule, SavedTable } from "../saved.ts";
import { COMMENT, type DirectDocument, type DirectEntry } from "./direct-xml.ts";
import { splitWords } from "./split-words.ts";

const TABLE_NAMES: readonly string[] = TABLES;

/** What of firewalld's direct configuration is ours, or kumactl's. */
export interface StoredRules {
  /** In the order of the file; the comments that we put around ours are among them. */
  readonly entries: readonly DirectEntry[];
  /** By family, all rules: table by table (`TABLES`), each chain in the order that it has once firewalld has applied it. */
  readonly keys: Readonly<Record<Family, readonly RuleKey[]>>;
}

export const BEGIN =
  " tproxyctl: from here on rules of the transparent proxy; tproxyctl uninstall removes them ";
/** In the place of `BEGIN`: the file is there for the rules' sake alone. */
export const BEGIN_OF_FILE = ` tproxyctl: this file was made for these rules;${BEGIN.slice(" tproxyctl:".length)}`;
export const END = " tproxyctl: up to here ";

/**
 * Finds what is ours as it is found among the kernel's rules. What stands between our two comments is ours as well: these
 * are lost where firewalld writes the file by itself.
 *
 * @param recorded of an installation without comments
 */
export function findStored(document: DirectDocument, recorded: readonly AppliedRules[]): StoredRules {
  const marked = between(document.entries);
  const found = ([4, 6] as const).map((family) => {
    const table = readTables(document.entries, family);
    const of = recorded.filter((each) => each.family === family);
    return { family, ...pickOurs(table, of, marked) };
  });
  const ours = new Set([...marked, ...found.flatMap(({ entries }) => entries)]);
  const keysOf = (wanted: Family) => found.find(({ family }) => family === wanted)?.keys ?? [];
  return {
    entries: document.entries.filter((entry) => ours.has(entry)),
    keys: { 4: keysOf(4), 6: keysOf(6) },
  };
}

function between(entries: readonly DirectEntry[]): ReadonlySet<DirectEntry> {
  const isMark = ({ element, content }: DirectEntry, ...marks: readonly string[]) =>
    element === COMMENT && marks.includes(content);
  const ours = new Set<DirectEntry>();
  for (const [first, entry] of entries.entries()) {
    if (!isMark(entry, BEGIN, BEGIN_OF_FILE)) continue;
    const last = entries.findIndex((each, index) => index > first && isMark(each, END));
    for (const each of entries.slice(first, last + 1)) ours.add(each);
  }
  return ours;
}

/** A table as firewalld would make it, where nothing else is. */
interface StoredTable extends SavedTable {
  readonly chains: { readonly name: string; readonly policy: undefined }[];
  readonly rules: (SavedRule & { readonly entry: DirectEntry; readonly inserted: boolean })[];
  readonly made: Map<string, DirectEntry>;
}

function readTables(entries: readonly DirectEntry[], family: Family): StoredTable[] {
  const tables = new Map<string, StoredTable>();
  for (const entry of entries) {
    if (entry.attributes.ipv !== `ipv${family}`) continue;
    const line = readEntry(entry);
    if (line === undefined) continue;
    const table: StoredTable = tables.get(line.table) ?? {
      name: line.table,
      chains: [],
      rules: [],
      made: new Map(),
    };
    tables.set(line.table, table);
    if (line.spec === undefined) {
      table.chains.push({ name: line.chain, policy: undefined });
      table.made.set(line.chain, entry);
    } else {
      const position = table.rules.filter(({ chain }) => chain === line.chain).length + 1;
      table.rules.push({ chain: line.chain, position, spec: line.spec, entry, inserted: line.inserted });
    }
  }
  const placeOf = ({ name }: StoredTable) => TABLE_NAMES.indexOf(name);
  return [...tables.values()].sort((a, b) => placeOf(a) - placeOf(b));
}

interface Line {
  readonly table: string;
  readonly chain: string;
  /** Undefined: the chain is made. */
  readonly spec: string | undefined;
  readonly inserted: boolean;
}

function readEntry({ element, attributes, content }: DirectEntry): Line | undefined {
  if (element === "passthrough") return readPassthrough(splitWords(content) ?? []);
  const { table, chain } = attributes;
  if (table === undefined || chain === undefined) return undefined;
  if (element === "chain") return { table, chain, spec: undefined, inserted: false };
  const words = element === "rule" ? splitWords(content) : undefined;
  if (words === undefined) return undefined;
  // With nftables as its backend firewalld itself leaves that out.
  return { table, chain: chain.replace(/_direct$/, ""), spec: joinWords(words), inserted: true };
}

/** `-t nat -I OUTPUT 2 -d 10.0.0.1/32 -j RETURN` */
function readPassthrough(words: readonly string[]): Line | undefined {
  const rest = [...words];
  const at = rest.findIndex((word) => word === "-t" || word === "--table");
  const table = at < 0 ? "filter" : rest.splice(at, 2)[1];
  const [command = "", chain, ...others] = rest;
  if (table === undefined || chain === undefined) return undefined;
  if (/^(-N|--new-chain)$/.test(command)) return { table, chain, spec: undefined, inserted: false };
  if (/^(-A|--append)$/.test(command)) return { table, chain, spec: joinWords(others), inserted: false };
  if (!/^(-I|--insert)$/.test(command)) return undefined;
  const spec = /^\d+$/.test(others[0] ?? "") ? others.slice(1) : others;
  return { table, chain, spec: joinWords(spec), inserted: true };
}

/** As iptables-save would write them. */
function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[^\s"'\\]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

function pickOurs(
  tables: readonly StoredTable[],
  recorded: readonly AppliedRules[],
  marked: ReadonlySet<DirectEntry>,
): { readonly entries: readonly DirectEntry[]; readonly keys: readonly RuleKey[] } {
  const found = findOurs({ tables, incompatible: [] }, recorded);
  const entries: DirectEntry[] = [];
  const keys: RuleKey[] = [];
  for (const table of tables) {
    const ours = new Set(found.find(({ name }) => name === table.name)?.rules);
    const rules = table.rules.filter(
      (rule) => ours.has(rule) || isOurChain(rule.chain) || marked.has(rule.entry),
    );
    const chains = [...table.made].filter(([chain]) => isOurChain(chain));
    entries.push(...chains.map(([, entry]) => entry), ...rules.map(({ entry }) => entry));
    const inOrder = [
      ...rules.filter(({ inserted }) => inserted),
      ...rules.filter(({ inserted }) => !inserted),
    ];
    keys.push(...inOrder.map(({ chain, spec }) => ruleKey(table.name, chain, spec)));
  }
  return { entries, keys };
}
