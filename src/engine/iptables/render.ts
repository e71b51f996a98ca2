// SPDX-License-Identifier: Apache-2.0
import {
  optionName,
  renderAction,
  renderMatch,
  renderNumber,
  requireChain,
  requireComment,
} from "./render-match.ts";
import { COMMENT_PREFIX, type Rule, type RuleSet, type Style, type Table } from "./rule.ts";

/** The kernel's XT_MAX_COMMENT_LEN is 256; kumactl cuts here. */
const LONGEST_COMMENT = 254;

const HEADINGS = { 4: "### IPv4 ###", 6: "### IPv6 ###" } as const;

/**
 * The text for `iptables-restore --noflush`, laid out as kumactl's; empty where there are no rules.
 * Throws INTERNAL where a value of a rule could end up as anything but one argument in its line.
 */
export function renderRules(set: RuleSet, style: Style): string {
  if (set.tables.length === 0) return "";
  const tables = set.tables.map((table) => renderTable(table, style));
  return `${tables.join(style.verbose ? "\n\n" : "\n")}\n`;
}

/** What `--dry-run` writes on stdout: the text of each family under its heading. */
export function renderDryRun(sets: readonly RuleSet[], style: Style): string {
  const parts = sets.flatMap((set) => [HEADINGS[set.family], renderRules(set, style).trimEnd()]);
  return `${parts.join("\n\n")}\n`;
}

function renderTable({ table, chains, rules }: Table, style: Style): string {
  const newChain = optionName("-N", style.verbose);
  const sections = [
    [`* ${table}`],
    section(
      "# Custom Chains:",
      chains.map((chain) => `${newChain} ${requireChain(chain)}`),
      style,
    ),
    section(
      "# Rules:",
      rules.map((rule) => renderRule(rule, style)),
      style,
    ),
    ["COMMIT"],
  ];
  const texts = sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
  return texts.join(style.verbose ? "\n\n" : "\n");
}

function section(heading: string, lines: readonly string[], { verbose }: Style): string[] {
  return verbose && lines.length > 0 ? [heading, ...lines] : [...lines];
}

/** One line: `-A CHAIN …` or `-I CHAIN 1 …`. Throws INTERNAL as {@link renderRules}. */
export function renderRule(rule: Rule, style: Style): string {
  return [renderPlace(rule, style), renderSpec(rule, style)].join(" ");
}

function renderPlace({ chain, insertAt }: Rule, { verbose }: Style): string {
  const name = requireChain(chain);
  if (insertAt === undefined) return `${optionName("-A", verbose)} ${name}`;
  const place = renderNumber("place", insertAt, 1, Number.MAX_SAFE_INTEGER);
  return `${optionName("-I", verbose)} ${name} ${place}`;
}

/** What follows the chain and the place: the rule's specification. Throws INTERNAL as {@link renderRules}. */
export function renderSpec(rule: Rule, style: Style): string {
  return [
    ...(style.comments ? renderComment(rule.comment, style) : []),
    ...rule.matches.flatMap((match) => renderMatch(match, style.verbose)),
    ...renderAction(rule.action, style.verbose),
  ].join(" ");
}

function renderComment(comment: string, { verbose }: Style): string[] {
  const text = requireComment(`${COMMENT_PREFIX}${comment}`).slice(0, LONGEST_COMMENT);
  return [optionName("-m", verbose), "comment", "--comment", `"${text}"`];
}
