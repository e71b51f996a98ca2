// SPDX-License-Identifier: Apache-2.0
import { formatAddress, maskPrefix, parsePrefix } from "../../core/address.ts";
import type { Option } from "./parse-spec.ts";

/** iptables' names of the levels (extensions/libxt_LOG: those of syslog). */
const LOG_LEVELS: Readonly<Record<string, string>> = {
  emerg: "0",
  panic: "0",
  alert: "1",
  crit: "2",
  err: "3",
  error: "3",
  warn: "4",
  warning: "4",
  notice: "5",
  info: "6",
  debug: "7",
};

/** Not written by iptables-save. */
const DEFAULT_LOG_LEVEL = "4";

const PROTOCOLS: Readonly<Record<string, string | undefined>> = { "6": "tcp", "17": "udp", "0": "all" };

const ANY_PORT = "0:65535";

/** The one way of writing an option's value; undefined where it says what is so without it. */
export function normalizeOption({ name, not, value }: Option): string | undefined {
  const normal = normalizeValue(name, value);
  return !not && saysNothing(name, normal) ? undefined : normal;
}

function normalizeValue(name: string, value: string): string {
  switch (name) {
    case "-p":
      return PROTOCOLS[value] ?? value.toLowerCase();
    case "-s":
    case "-d":
      return normalizePrefix(value);
    case "--sport":
    case "--dport":
      return normalizePorts(value);
    case "--sports":
    case "--dports":
    case "--ports":
      return value.split(",").map(normalizePorts).join(",");
    case "--uid-owner":
    case "--gid-owner":
      return normalizeRange(value.replace(":", "-"), "-");
    case "--to-ports":
      return normalizeRange(value, "-");
    case "--ctstate":
      return value.toUpperCase().split(",").sort().join(",");
    case "--log-level":
      return LOG_LEVELS[value.toLowerCase()] ?? value;
    default:
      return value;
  }
}

function saysNothing(name: string, value: string): boolean {
  switch (name) {
    case "-p":
      return value === "all";
    case "-s":
    case "-d":
      return value.endsWith("/0");
    case "-i":
    case "-o":
      return value === "+";
    case "--sport":
    case "--dport":
      return value === ANY_PORT;
    case "--log-level":
      return value === DEFAULT_LOG_LEVEL;
    default:
      return false;
  }
}

/** With its length and without bits behind it. What is no prefix (a name, a mask with holes) stays as it is. */
function normalizePrefix(text: string): string {
  const prefix = parsePrefix(text);
  return prefix === undefined ? text : `${formatAddress(maskPrefix(prefix).address)}/${prefix.length}`;
}

/** A range may lack either end. */
function normalizePorts(text: string): string {
  const [first = "", last] = text.split(":");
  if (last === undefined) return first;
  return normalizeRange(`${first || "0"}:${last || "65535"}`, ":");
}

/** `5-5` is 5. */
function normalizeRange(text: string, separator: string): string {
  const [first, last, ...rest] = text.split(separator);
  return first !== undefined && first === last && rest.length === 0 ? first : text;
}
