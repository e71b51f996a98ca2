// SPDX-License-Identifier: Apache-2.0
import { resolve } from "node:path";
import { type Address, formatAddress, parseAddress, unmapAddress } from "../core/address.ts";
import { parseDuration } from "../core/duration.ts";
import type { EngineChoice, IpFamilyMode, WhenProxyDown } from "./config.ts";

/** Takes what is wrong with a value. Where it was called, the parser's result means nothing. */
export type Report = (message: string) => void;

/** Reads a value from the text that a person wrote. Reports all that is wrong with it, not only the first. */
export type ValueParser<T> = (text: string, report: Report) => T;

/** The words of Go's strconv.ParseBool, which kumactl reads its flags with. */
export const TRUE_WORDS: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
export const FALSE_WORDS: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];

export function parseBoolean(text: string, report: Report): boolean {
  if (TRUE_WORDS.includes(text)) return true;
  if (!FALSE_WORDS.includes(text)) report(`${quote(text)} is neither true nor false`);
  return false;
}

/** 1–65535 in plain decimal digits: no sign, no hexadecimal, no leading zero (octal to some programs). */
export function parsePort(text: string, report: Report): number {
  const port = Number(text);
  if (/^[1-9][0-9]{0,4}$/.test(text) && port <= 65535) return port;
  report(`${quote(text)} is not a port: it must be a whole number from 1 to 65535`);
  return 0;
}

/** Reads whole numbers from `least` to `most`, in plain decimal digits as {@link parsePort}. */
export function wholeNumber(least: number, most: number): ValueParser<number> {
  return (text, report) => {
    const number = Number(text);
    if (/^(0|[1-9][0-9]*)$/.test(text) && number >= least && number <= most) return number;
    report(`${quote(text)} is not a whole number from ${least} to ${most}`);
    return least;
  };
}

/** Longer than this, Node.js's timers do not wait at all. */
const LONGEST_DURATION_MS = 2_147_483_647;

/** A duration in Go's notation, in milliseconds: up to 24 days. */
export function parseMilliseconds(text: string, report: Report): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds <= LONGEST_DURATION_MS) return milliseconds;
  report(
    milliseconds === undefined
      ? `${quote(text)} is not a duration: write 2s, 500ms, 1m30s or 0`
      : `${quote(text)} is too long: it must be 24 days (576h) or less`,
  );
  return 0;
}

/** Ports with commas between them and blanks around them; an empty text is an empty list. Ascending, each once. */
export function parsePortList(text: string, report: Report): readonly number[] {
  const ports = splitList(text).map((item) => parsePort(item, report));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Addresses as {@link parsePortList} its ports, in the order given, each once; v4-mapped ones as IPv4. */
export function parseAddressList(text: string, report: Report): readonly Address[] {
  const addresses = splitList(text).flatMap((item) => parseOneAddress(item, report));
  return [...new Map(addresses.map((address) => [formatAddress(address), address])).values()];
}

function parseOneAddress(text: string, report: Report): readonly Address[] {
  const address = parseAddress(text);
  if (address !== undefined) return [unmapAddress(address)];
  report(`${quote(text)} is not an IP address: ${whyNoAddress(text)}`);
  return [];
}

function whyNoAddress(text: string): string {
  if (text.includes("/")) return "give the address alone, without a prefix length";
  return whatIsWrongWithAddress(text) ?? "write 10.0.0.1 or fd00::1";
}

/** The two forms that other programs take, and that are refused. */
export function whatIsWrongWithAddress(text: string): string | undefined {
  if (text.includes("%")) return "give the address alone, without an interface";
  if (/(^|\.)0[0-9]/.test(text)) return "leading zeros are read as octal by some programs, leave them out";
  return undefined;
}

/** The items between the commas, without blanks around them; none of an empty text. */
export function splitList(text: string): readonly string[] {
  return text.trim() === "" ? [] : text.split(",").map((item) => item.trim());
}

export function parseIpFamilyMode(text: string, report: Report): IpFamilyMode {
  const mode = text.toLowerCase();
  if (mode === "dualstack" || mode === "ipv4") return mode;
  report(`${quote(text)} is not an IP family mode: it must be "dualstack" or "ipv4"`);
  return "dualstack";
}

const ENGINE_CHOICES: readonly EngineChoice[] = ["", "auto", "ebpf", "iptables"];

export function parseEngineChoice(text: string, report: Report): EngineChoice {
  const choice = ENGINE_CHOICES.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  report(`${quote(text)} is not an engine: it must be "ebpf", "iptables", or "auto" for the best that works`);
  return "";
}

export function parseWhenProxyDown(text: string, report: Report): WhenProxyDown {
  if (text === "refuse" || text === "bypass") return text;
  report(`${quote(text)} is nothing to do while the proxy is down: it must be "refuse" or "bypass"`);
  return "refuse";
}

export function parseText(text: string, report: Report): string {
  if (text.includes("\0")) report(`${quote(text)} holds a NUL byte`);
  return text;
}

/** A path; a relative one is meant from the working directory. "" stays "", which stands for a default. */
export function parsePath(text: string, report: Report): string {
  return parseText(text, report) === "" ? "" : resolve(text);
}

/** kumactl's defaults: where it writes its own programs to. Nobody's objects are there, and /tmp is everybody's. */
const KUMACTL_PROGRAMS: readonly string[] = ["/tmp/kuma-ebpf", "/kuma/ebpf"];

/** The directory of the eBPF objects; "" for those of the package, which kumactl's own defaults stand for as well. */
export function parseProgramsPath(text: string, report: Report): string {
  const path = parsePath(text, report);
  return KUMACTL_PROGRAMS.includes(path) ? "" : path;
}

export function parseNonEmptyPath(text: string, report: Report): string {
  if (text === "") report("the path is empty: leave the option out or give a path");
  return parsePath(text, report);
}

/** In quotes, with whatever cannot be seen written out; a long one cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
