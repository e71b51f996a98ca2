// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../../core/errors.ts";
import type { SavedRule, SavedTable, Snapshot } from "./saved.ts";
import { endsInQuotes } from "./tokenize.ts";

interface OpenTable extends SavedTable {
  readonly chains: { readonly name: string; readonly policy: string | undefined }[];
  readonly rules: SavedRule[];
  /** How many rules each chain has so far. */
  readonly lengths: Map<string, number>;
}

/**
 * Reads what `iptables-save` (1.8, nft or legacy, with or without counters) wrote on stdout.
 *
 * @throws TproxyError COMMAND_FAILED with the first line that it cannot read, or where the end is missing.
 */
export function parseSaved(text: string): Snapshot {
  const reader = new SavedReader();
  for (const [number, line] of logicalLines(text)) {
    if (!reader.read(line)) throw unreadable(`line ${number}: ${JSON.stringify(line)}`);
  }
  return reader.finish();
}

/** Lines with their numbers, from 1 on; a comment with line feeds makes one line of several. */
function* logicalLines(text: string): Generator<[number: number, line: string]> {
  let pending: [number: number, line: string] | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const whole: [number, string] =
      pending === undefined ? [index + 1, line] : [pending[0], `${pending[1]}\n${line}`];
    pending = isRule(whole[1]) && endsInQuotes(whole[1]) ? whole : undefined;
    if (pending === undefined) yield whole;
  }
  if (pending !== undefined) yield pending;
}

const RULE = /^(?:\[\d+:\d+\] )?-A (\S+)(?: (.*))?$/s;

function isRule(line: string): boolean {
  return RULE.test(line);
}

class SavedReader {
  readonly #tables: SavedTable[] = [];
  readonly #incompatible: string[] = [];
  #open: OpenTable | undefined;

  /** Whether the line could be read. */
  read(line: string): boolean {
    if (line === "") return true;
    if (line.startsWith("#")) return this.#readComment(line);
    if (line.startsWith("*")) return this.#openTable(line);
    if (this.#open === undefined) return false;
    if (line === "COMMIT") return this.#closeTable(this.#open);
    return line.startsWith(":") ? readChain(line, this.#open) : readRule(line, this.#open);
  }

  finish(): Snapshot {
    if (this.#open !== undefined) throw unreadable(`it ends in the middle of the table ${this.#open.name}`);
    return { tables: this.#tables, incompatible: this.#incompatible };
  }

  /**
   * iptables-nft-save says so on stdout, in place of the table. (Another notice, "contains incompatible base-chains",
   * comes with the whole table: those chains are not iptables' and do not hinder it.)
   */
  #readComment(line: string): boolean {
    const name = /^# Table [`'](.+)' is incompatible, use 'nft' tool\.?$/.exec(line)?.[1];
    if (name !== undefined) this.#incompatible.push(name);
    return true;
  }

  #openTable(line: string): boolean {
    const name = /^\*(\S+)$/.exec(line)?.[1];
    if (name === undefined || this.#open !== undefined) return false;
    this.#open = { name, chains: [], rules: [], lengths: new Map() };
    return true;
  }

  #closeTable({ name, chains, rules }: OpenTable): boolean {
    this.#tables.push({ name, chains, rules });
    this.#open = undefined;
    return true;
  }
}

/** `:OUTPUT ACCEPT [0:0]`, `:MINE - [0:0]`. */
function readChain(line: string, table: OpenTable): boolean {
  const [, name, policy] = /^:(\S+) (\S+)(?: \[\d+:\d+\])?$/.exec(line) ?? [];
  if (name === undefined || policy === undefined) return false;
  table.chains.push({ name, policy: policy === "-" ? undefined : policy });
  return true;
}

function readRule(line: string, table: OpenTable): boolean {
  const [, chain, spec = ""] = RULE.exec(line) ?? [];
  if (chain === undefined || endsInQuotes(line)) return false;
  const position = (table.lengths.get(chain) ?? 0) + 1;
  table.lengths.set(chain, position);
  table.rules.push({ chain, position, spec });
  return true;
}

function unreadable(what: string): TproxyError {
  return new TproxyError("COMMAND_FAILED", `the output of iptables-save cannot be read: ${what}`, {
    hint: "Run `iptables-save` to see it, and please report the line.",
  });
}
