// SPDX-License-Identifier: Apache-2.0
import { normalizeOption } from "./normalize-option.ts";
import { type Module, type Option, type ParsedSpec, parseSpec } from "./parse-spec.ts";

/**
 * A normal form of a rule's specification (what follows `-A CHAIN `), without its comments: the same for our text,
 * for kumactl's, and for what iptables-save of nft and legacy makes of them. Two rules with the same form mean the
 * same. What we do not know stays as it is, in its order, so nothing unknown equals anything else.
 *
 * `--dport 53 -p tcp -m owner ! --uid-owner 5678 -j RETURN`: what every rule may have, what modules ask (each sorted),
 * the target.
 */
export function canonicalRule(spec: string): string {
  const { base, matches, target, unknown } = parseSpec(spec);
  const modules = matches.filter((module) => !isComment(module) && !isMereProtocol(module));
  const conditions = base.flatMap((option) => writeOption("", option)).sort();
  const known = modules.every((module) => module.unknown.length === 0 && module.options.length > 0);
  const asked = modules.flatMap(writeMatch);
  // Only conditions that remember nothing may change places: `limit` counts what comes to it.
  return [...words(unknown), ...conditions, ...(known ? asked.sort() : asked), ...writeTarget(target)].join(
    " ",
  );
}

/** A rule's comment (of several, the first). */
export function commentOf(spec: string): string | undefined {
  return parseSpec(spec).matches.find(isComment)?.options[0]?.value;
}

/** Where a rule leads to: the chain or the target that `-j` or `-g` names. */
export function jumpOf(spec: string): string | undefined {
  return parseSpec(spec).target?.name;
}

function isComment({ name, unknown }: Module): boolean {
  return name === "comment" && unknown.length === 0;
}

/** `-m tcp` alone says no more than the `-p tcp` that it needs. */
function isMereProtocol({ name, options, unknown }: Module): boolean {
  return (name === "tcp" || name === "udp") && options.length === 0 && unknown.length === 0;
}

function writeMatch(module: Module): string[] {
  const name = `-m ${quote(module.name)}`;
  // Those of `-m tcp` go with `-p tcp` alone, and need not be told from others.
  const isProtocol = module.name === "tcp" || module.name === "udp";
  const options = module.options.flatMap((option) => writeOption(isProtocol ? "" : name, option));
  if (module.unknown.length > 0) return [name, ...options, ...words(module.unknown)];
  return module.options.length === 0 ? [name] : options;
}

function writeTarget(target: ParsedSpec["target"]): string[] {
  if (target === undefined) return [];
  const how = target.how === "goto" ? "-g" : "-j";
  const options = target.options.flatMap((option) => writeOption("", option)).sort();
  return [`${how} ${quote(target.name)}`, ...options, ...words(target.unknown)];
}

/** Nothing where the option says what is so without it. */
function writeOption(prefix: string, option: Option): string[] {
  const value = normalizeOption(option);
  if (value === undefined) return [];
  return [[prefix, option.not ? "!" : "", option.name, quote(value)].filter(Boolean).join(" ")];
}

/** Quotes where a value could be taken for something else. */
function quote(value: string): string {
  return /^[A-Za-z0-9_:.][A-Za-z0-9_:.,/+-]*$/.test(value) ? value : JSON.stringify(value);
}

function words(unknown: readonly string[]): string[] {
  return unknown.map((word) => JSON.stringify(word));
}
