// SPDX-License-Identifier: Apache-2.0
import type { NumberRange } from "../core/ranges.ts";
import type { UserExclusion } from "./config.ts";
import { quote, type Report, splitList } from "./values.ts";

type Protocol = UserExclusion["protocol"];

const BOTH: readonly Protocol[] = ["tcp", "udp"];
const ALL_PORTS: readonly NumberRange[] = [{ first: 1, last: 65_535 }];

/** 4294967295 is -1, which the kernel takes for "no user". */
const LARGEST_UID = 4_294_967_294;

/**
 * Rules of the form `<protocol:>?<ports:>?<uids>` with ";" between them: commas belong to the rules. The parts count
 * from the right, as with kumactl: two of them are ports and UIDs, never a protocol. `*` or nothing stands for both
 * protocols and for all ports.
 */
export function parseUserRules(text: string, report: Report): readonly UserExclusion[] {
  const rules = text.trim() === "" ? [] : text.split(";").map((rule) => rule.trim());
  return rules.flatMap((rule) => parseOneOrMore(rule, (message) => report(`${quote(rule)}: ${message}`)));
}

/**
 * kumactl separates rules with commas where they come from a variable. What is no rule as a whole is read like that,
 * and where that fails too, it was meant as one.
 */
function parseOneOrMore(text: string, report: Report): readonly UserExclusion[] {
  const problems: string[] = [];
  const rule = parseRule(text, (message) => problems.push(message));
  if (problems.length === 0) return rule;
  if (text.includes(",") && text.split(":").length > 2) {
    let failed = false;
    const rules = splitList(text).flatMap((each) =>
      parseRule(each, () => {
        failed = true;
      }),
    );
    if (!failed) return rules;
  }
  for (const problem of problems) report(problem);
  return [];
}

function parseRule(rule: string, report: Report): readonly UserExclusion[] {
  const parts = rule.split(":").map((part) => part.trim());
  if (parts.length > 3) {
    report("there are too many parts, write PROTOCOL:PORTS:UIDS, as in tcp:80,8000-8080:1000");
    return [];
  }
  const [uids = "", ports = "", protocol = ""] = parts.toReversed();
  if (parts.length === 2 && isProtocol(ports.toLowerCase())) {
    report(`two parts are ports and UIDs; for all ports of one protocol write ${ports}::${uids}`);
    return [];
  }
  const rest = { ports: parsePorts(ports, report), uids: parseUids(uids, report) };
  return parseProtocols(protocol, report).map((each) => ({ protocol: each, ...rest }));
}

function parseProtocols(text: string, report: Report): readonly Protocol[] {
  if (text === "" || text === "*") return BOTH;
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  const protocols = names.filter(isProtocol);
  for (const name of names)
    if (!isProtocol(name)) report(`${quote(name)} is not a protocol: it is tcp or udp`);
  return [...new Set(protocols)];
}

function isProtocol(name: string): name is Protocol {
  return name === "tcp" || name === "udp";
}

function parsePorts(text: string, report: Report): readonly NumberRange[] {
  return text === "" || text === "*" ? ALL_PORTS : parseRanges(text, "port", 1, 65_535, report);
}

function parseUids(text: string, report: Report): readonly NumberRange[] {
  if (text === "" || text === "*") {
    report("the UIDs must be named: to leave the ports alone for all users, exclude the ports themselves");
    return [];
  }
  return parseRanges(text, "UID", 0, LARGEST_UID, report);
}

/** `80,8000-8080`: numbers and ranges of them, in the order given. */
function parseRanges(
  text: string,
  what: string,
  least: number,
  most: number,
  report: Report,
): readonly NumberRange[] {
  return splitList(text).flatMap((item) => {
    const bounds = /^(0|[1-9][0-9]{0,9})(?:-(0|[1-9][0-9]{0,9}))?$/.exec(item);
    const first = Number(bounds?.[1]);
    const last = Number(bounds?.[2] ?? bounds?.[1]);
    if (bounds === null || Math.min(first, last) < least || Math.max(first, last) > most) {
      report(`${quote(item)} is no ${what} and no range of them, as in 100-200, from ${least} to ${most}`);
    } else if (first > last) {
      report(`the range ${item} is the wrong way round`);
    } else {
      return [{ first, last }];
    }
    return [];
  });
}
