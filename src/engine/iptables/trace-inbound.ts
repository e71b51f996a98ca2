// SPDX-License-Identifier: Apache-2.0
import { parsePrefix, prefixContains } from "../../core/address.ts";
import { standsFor } from "../../plan/interface-pattern.ts";
import type { InboundWay } from "../../plan/judge-lock-out.ts";
import type { Present } from "./look.ts";
import { normalizeOption } from "./normalize-option.ts";
import { type Module, type Option, type ParsedSpec, parseSpec } from "./parse-spec.ts";
import type { SavedTable } from "./saved.ts";

/** "returns": it is on with the chain that jumped here. "stays": no further rule is asked. */
type Verdict = { readonly port: number } | "returns" | "stays" | "unknown";

/**
 * The port that the rules which are there redirect a new TCP connection to, ours or anybody's. They are asked as the kernel
 * does, from PREROUTING on; undefined where they leave it alone, and where that hangs on something that cannot be told from
 * here. Pure.
 */
export function traceInbound(present: readonly Present[], way: InboundWay): number | undefined {
  const ofFamily = present.filter(({ executables }) => executables.family === way.to.family);
  if (ofFamily.some(({ snapshot }) => snapshot.incompatible.includes("nat"))) return undefined;
  const tables = ofFamily.flatMap(({ snapshot }) => snapshot.tables.filter(({ name }) => name === "nat"));
  // The rules of both modes are asked, and the first that changes a destination counts; which is that?
  const verdicts = tables
    .map((table) => walk(table, "PREROUTING", way))
    .filter((verdict) => verdict !== "returns" && verdict !== "stays");
  const ports = new Set(verdicts.map((verdict) => (verdict === "unknown" ? undefined : verdict.port)));
  const [port] = ports;
  return ports.size === 1 ? port : undefined;
}

function walk(table: SavedTable, chain: string, way: InboundWay): Verdict {
  for (const { spec } of table.rules.filter((rule) => rule.chain === chain)) {
    const parsed = parseSpec(spec);
    const holds = matches(parsed, way);
    if (holds === false) continue;
    const verdict = follow(table, parsed, way);
    if (verdict === undefined) continue;
    return holds === undefined ? "unknown" : verdict;
  }
  return "returns";
}

/** Targets after which the next rule is asked. */
const GO_ON: ReadonlySet<string> = new Set(["LOG", "NFLOG", "MARK", "CONNMARK", "TRACE"]);

/** Undefined: the next rule is asked. */
function follow(table: SavedTable, { target }: ParsedSpec, way: InboundWay): Verdict | undefined {
  if (target === undefined || GO_ON.has(target.name)) return undefined;
  if (target.name === "RETURN") return "returns";
  if (target.name === "ACCEPT") return "stays";
  if (target.name === "REDIRECT") return redirected(target);
  if (!table.chains.some(({ name }) => name === target.name)) return "unknown";
  const verdict = walk(table, target.name, way);
  return verdict === "returns" && target.how === "jump" ? undefined : verdict;
}

/** To one port: of a range, nobody knows to which. */
function redirected({ options, unknown }: Module): Verdict {
  const [option] = options;
  if (options.length !== 1 || unknown.length > 0 || option?.name !== "--to-ports") return "unknown";
  return /^[0-9]+$/.test(option.value) ? { port: Number(option.value) } : "unknown";
}

/** Whether a rule's conditions hold; undefined: they ask for something that we do not know. */
function matches({ base, matches: modules, unknown }: ParsedSpec, way: InboundWay): boolean | undefined {
  const answers = [
    ...base.map((option) => holds(option, way)),
    ...modules.flatMap((module) => {
      if (module.name === "comment") return [];
      const known = module.unknown.length === 0 && (module.options.length > 0 || module.name === "tcp");
      return [...module.options.map((option) => holds(option, way)), ...(known ? [] : [undefined])];
    }),
    ...unknown.map(() => undefined),
  ];
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : true;
}

function holds(option: Option, way: InboundWay): boolean | undefined {
  const value = normalizeOption({ ...option, not: true });
  const answer = value === undefined ? undefined : ask(option.name, value, way);
  return answer === undefined ? undefined : answer !== option.not;
}

function ask(
  name: string,
  value: string,
  { from, to, port, interface: device }: InboundWay,
): boolean | undefined {
  switch (name) {
    case "-p":
      return value === "tcp" || value === "all";
    case "-s":
    case "-d": {
      const prefix = parsePrefix(value);
      return prefix && prefixContains(prefix, name === "-s" ? from : to);
    }
    case "-i":
      return standsFor(value, device);
    case "--dport":
      return holdsOneOf([value], port);
    case "--dports":
      return holdsOneOf(value.split(","), port);
    default:
      return undefined;
  }
}

/** "22", "20:25", as iptables-save writes them; a name is none that we know. */
function holdsOneOf(ranges: readonly string[], port: number): boolean | undefined {
  if (!ranges.every((range) => /^[0-9]+(:[0-9]+)?$/.test(range))) return undefined;
  return ranges.some((range) => {
    const [first = "", last = first] = range.split(":");
    return Number(first) <= port && port <= Number(last);
  });
}
