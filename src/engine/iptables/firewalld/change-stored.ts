// SPDX-License-Identifier: Apache-2.0
import type { AppliedRules } from "../record.ts";
import { renderRule } from "../render.ts";
import type { RuleSet, Style } from "../rule.ts";
import { COMMENT, cut, type DirectDocument, escapeXml, insert, parseDirect } from "./direct-xml.ts";
import { BEGIN, BEGIN_OF_FILE, END, findStored } from "./stored-rules.ts";

const NEW_FILE = '<?xml version="1.0" encoding="utf-8"?>\n<direct>\n</direct>\n';

/**
 * The file with the rules in it, in the place of those of ours that are there; all else is as it was. As passthroughs, which
 * are iptables' own command lines: firewalld's other form, the direct rule, always comes before all others of its chain.
 *
 * @param present undefined: there is no file
 */
export function withRules(
  present: DirectDocument | undefined,
  sets: readonly RuleSet[],
  style: Pick<Style, "comments">,
  recorded: readonly AppliedRules[],
): string {
  const lines = sets.flatMap((set) => passthroughs(set, style));
  const cleared = present === undefined ? undefined : withoutRules(present, recorded);
  const document = parseDirect(cleared ?? NEW_FILE);
  if (document === undefined) throw new Error("removing rules left no direct configuration");
  const begin = cleared === undefined ? BEGIN_OF_FILE : BEGIN;
  return insert(document, [`<!--${begin}-->`, ...lines, `<!--${END}-->`]);
}

/** The file without rules of ours; undefined: it was made for them, and nothing else is in it. */
export function withoutRules(present: DirectDocument, recorded: readonly AppliedRules[]): string | undefined {
  const { entries } = findStored(present, recorded);
  const left = cut(present, entries);
  const isMade = entries.some(({ element, content }) => element === COMMENT && content === BEGIN_OF_FILE);
  return isMade && left === NEW_FILE ? undefined : left;
}

function passthroughs({ family, tables }: RuleSet, { comments }: Pick<Style, "comments">): string[] {
  return tables.flatMap(({ table, chains, rules }) => {
    const lines = [
      ...chains.map((chain) => `-N ${chain}`),
      ...rules.map((rule) => renderRule(rule, { comments, verbose: false })),
    ];
    return lines.map(
      (line) => `<passthrough ipv="ipv${family}">${escapeXml(`-t ${table} ${line}`)}</passthrough>`,
    );
  });
}
