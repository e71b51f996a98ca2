// SPDX-License-Identifier: Apache-2.0
import { formatAddress, type Prefix } from "../../core/address.ts";
import { TproxyError } from "../../core/errors.ts";
import type { NumberRange } from "../../core/ranges.ts";
import type { Action, Match } from "./rule.ts";

const MAX_PORT = 65_535;
const MAX_UID = 4_294_967_294;
const MAX_ZONE = 65_535;
const MAX_LOG_LEVEL = 7;

/** Option names with one letter or short, and the long ones. Those that have no short name are not here. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  "-A": "--append",
  "-I": "--insert",
  "-N": "--new-chain",
  "-m": "--match",
  "-p": "--protocol",
  "-s": "--source",
  "-d": "--destination",
  "-i": "--in-interface",
  "-o": "--out-interface",
  "-j": "--jump",
  "--sport": "--source-port",
  "--dport": "--destination-port",
  "--dports": "--destination-ports",
};

export function optionName(short: string, verbose: boolean): string {
  return (verbose ? LONG_NAMES[short] : undefined) ?? short;
}

/** The arguments of a match. Throws INTERNAL for a value that could be anything but one argument. */
export function renderMatch(match: Match, verbose: boolean): string[] {
  const name = (short: string) => optionName(short, verbose);
  const not = "not" in match && match.not ? ["!"] : [];
  switch (match.match) {
    case "protocol":
      return [name("-p"), match.protocol];
    case "source":
    case "destination":
      return [...not, name(match.match === "source" ? "-s" : "-d"), renderPrefix(match.prefix)];
    case "in-interface":
    case "out-interface":
      return [name(match.match === "in-interface" ? "-i" : "-o"), requireInterface(match.name)];
    case "source-port":
    case "destination-port":
      return [name(match.match === "source-port" ? "--sport" : "--dport"), renderPort(match.port)];
    case "destination-ports":
      return [name("-m"), "multiport", name("--dports"), match.ports.map(renderPortRange).join(",")];
    case "uid":
      return [name("-m"), "owner", ...not, "--uid-owner", renderUids(match.uids)];
    case "conntrack-invalid":
      return [name("-m"), "conntrack", "--ctstate", "INVALID"];
  }
}

/** The arguments of an action, the jump included. Throws INTERNAL as {@link renderMatch}. */
export function renderAction(action: Action, verbose: boolean): string[] {
  const jump = optionName("-j", verbose);
  switch (action.action) {
    case "return":
    case "drop":
      return [jump, action.action.toUpperCase()];
    case "jump":
      return [jump, requireChain(action.chain)];
    case "redirect":
      return [jump, "REDIRECT", "--to-ports", renderPort(action.port)];
    case "log": {
      const level = renderNumber("log level", action.level, 0, MAX_LOG_LEVEL);
      return [jump, "LOG", "--log-prefix", requireLogPrefix(action.prefix), "--log-level", level];
    }
    case "conntrack-zone":
      return [jump, "CT", "--zone", renderNumber("conntrack zone", action.zone, 0, MAX_ZONE)];
  }
}

/** With its length always, as iptables-save writes it. */
function renderPrefix(prefix: Prefix): string {
  const longest = prefix.address.bytes.length * 8;
  return `${formatAddress(prefix.address)}/${renderNumber("prefix length", prefix.length, 0, longest)}`;
}

function renderPort(port: number): string {
  return renderNumber("port", port, 1, MAX_PORT);
}

function renderPortRange({ first, last }: NumberRange): string {
  return first === last ? renderPort(first) : `${renderPort(first)}:${renderPort(last)}`;
}

function renderUids({ first, last }: NumberRange): string {
  const uid = (number: number) => renderNumber("user number", number, 0, MAX_UID);
  return first === last ? uid(first) : `${uid(first)}:${uid(last)}`;
}

export function renderNumber(what: string, value: number, min: number, max: number): string {
  if (Number.isInteger(value) && value >= min && value <= max) return String(value);
  throw new TproxyError("INTERNAL", `${value} cannot be the ${what} of an iptables rule`);
}

export function requireChain(name: string): string {
  return requireShape("chain", name, /^[A-Z_]{1,28}$/);
}

/** What ends up unquoted: no white space, quote or backslash, nothing that looks like an option or a negation. */
function requireInterface(name: string): string {
  return requireShape("interface", name, /^(?![-!])[^\s"'\\/\p{C}]{1,15}$/u);
}

function requireLogPrefix(prefix: string): string {
  return requireShape("log prefix", prefix, /^[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,28}$/);
}

/** Between quotes. */
export function requireComment(comment: string): string {
  return requireShape("comment", comment, /^[ !#-&(-[\]-_a-~]*$/);
}

function requireShape(what: string, text: string, shape: RegExp): string {
  if (shape.test(text)) return text;
  throw new TproxyError("INTERNAL", `${JSON.stringify(text)} cannot be the ${what} of an iptables rule`);
}
