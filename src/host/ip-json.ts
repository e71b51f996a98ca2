// SPDX-License-Identifier: Apache-2.0
import {
  type Address,
  type Family,
  formatPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../core/address.ts";
import { describeError, TproxyError } from "../core/errors.ts";
import type { InterfaceFact, LocalRouteFact } from "../core/facts.ts";

/** Reads what `ip -json address show` prints. Throws COMMAND_FAILED where that is not understood. */
export function parseInterfaces(json: string): InterfaceFact[] {
  return understand("ip -json address show", json, (entry) => ({
    name: text(entry, "ifname"),
    index: index(entry),
    up: flags(entry).includes("UP"),
    loopback: flags(entry).includes("LOOPBACK"),
    addresses: list(entry.addr_info, "addr_info").flatMap((item) => addresses(record(item, "addr_info"))),
  }));
}

/**
 * Reads what `ip -json -4|-6 route show table local` prints. Every prefix once: several interfaces may have the
 * same one. Multicast, anycast and whatever else is in there is left out.
 */
export function parseLocalRoutes(json: string, family: Family): LocalRouteFact[] {
  const command = `ip -json -${family} route show table local`;
  const found = understand(command, json, (entry): LocalRouteFact | undefined => {
    const kind = entry.type;
    return kind === "local" || kind === "broadcast" ? { prefix: prefix(entry, family), kind } : undefined;
  });
  const unique = new Map<string, LocalRouteFact>();
  for (const route of found)
    if (route !== undefined) unique.set(`${route.kind} ${formatPrefix(route.prefix)}`, route);
  return [...unique.values()];
}

type Entry = Readonly<Record<string, unknown>>;

function understand<T>(command: string, json: string, read: (entry: Entry) => T): T[] {
  // Some versions of `ip` print nothing at all where there is nothing.
  if (json.trim() === "") return [];
  try {
    return list(JSON.parse(json), "the whole").map((entry) => read(record(entry, "an entry")));
  } catch (cause) {
    const message = `${command} printed something unexpected: ${describeError(cause)}`;
    const hint = "Is `ip` that of iproute2 (4.17 or newer)? The one of BusyBox cannot print JSON.";
    throw new TproxyError("COMMAND_FAILED", message, { log: json, hint });
  }
}

function addresses(info: Entry): Address[] {
  const family = text(info, "family");
  if (family !== "inet" && family !== "inet6") return [];
  const local = text(info, "local");
  const address = parseAddress(local);
  if (address === undefined) throw new Error(`${JSON.stringify(local)} is no address`);
  return [address];
}

function prefix(entry: Entry, family: Family): Prefix {
  const destination = text(entry, "dst");
  const everything = family === 4 ? "0.0.0.0/0" : "::/0";
  const parsed = parsePrefix(destination === "default" ? everything : destination);
  if (parsed?.address.family !== family)
    throw new Error(`${JSON.stringify(destination)} is no IPv${family} prefix`);
  return parsed;
}

function index(entry: Entry): number {
  const value = entry.ifindex;
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  throw new Error(`ifindex is ${JSON.stringify(value)}`);
}

function flags(entry: Entry): readonly unknown[] {
  return list(entry.flags, "flags");
}

function text(entry: Entry, key: string): string {
  const value = entry[key];
  if (typeof value === "string") return value;
  throw new Error(`${key} is ${JSON.stringify(value)}`);
}

function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${what} is no list`);
}

function record(value: unknown, what: string): Entry {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`${what} is no object`);
}
