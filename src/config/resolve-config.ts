// SPDX-License-Identifier: Apache-2.0
import { ConfigError, type Problem } from "../core/errors.ts";
import type { Config } from "./config.ts";
import { flagSource } from "./flag.ts";
import { defaultLayer, type Layer, mergeLayers } from "./layers.ts";
import { configSchema } from "./schema.ts";
import type { SettingName } from "./setting.ts";
import { mainFlagOf } from "./settings.ts";

/** The configuration, and where each of its values came from. */
export interface ResolvedConfig {
  readonly config: Config;
  /** `--flag`, `file:key`, `VARIABLE` or "default". */
  readonly sources: ReadonlyMap<SettingName, string>;
}

/**
 * Makes one configuration of the defaults and the layers given, a later one over an earlier one.
 *
 * @throws ConfigError with everything that is wrong, each with the place that its value came from.
 */
export function resolveConfig(layers: readonly Layer[]): ResolvedConfig {
  const merged = mergeLayers([defaultLayer(), ...layers]);
  const sources = new Map([...merged].map(([key, given]) => [key, given.source]));
  const parsed = configSchema.safeParse(toTree(merged));
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => toProblem(issue.path, issue.message, sources)));
  }
  const problems = findContradictions(parsed.data, sources);
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: deepFreeze(withImplied(parsed.data)), sources };
}

/** `redirect.inbound.port` → 15006 as `{ redirect: { inbound: { port: 15006 } } }`. */
function toTree(layer: Layer): unknown {
  const root = new Map<string, unknown>();
  for (const [key, { value }] of layer) {
    const path = key.split(".");
    const last = path.pop() ?? key;
    let node = root;
    for (const name of path) {
      const child = node.get(name);
      const next = child instanceof Map ? child : new Map<string, unknown>();
      node.set(name, next);
      node = next;
    }
    node.set(last, value);
  }
  return toObject(root);
}

function toObject(value: unknown): unknown {
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([name, child]) => [name, toObject(child)]));
}

function toProblem(
  path: readonly PropertyKey[],
  message: string,
  sources: ReadonlyMap<string, string>,
): Problem {
  // An issue inside a list is the list's: its path is one or more elements longer than the setting's.
  for (let length = path.length; length > 0; length--) {
    const source = sources.get(path.slice(0, length).join("."));
    if (source !== undefined) return { source, message };
  }
  throw new Error(`the schema complains about ${path.join(".")}, which is no setting: ${message}`);
}

/** What each value allows and all of them together do not. */
function findContradictions(config: Config, sources: ReadonlyMap<SettingName, string>): readonly Problem[] {
  return [...findSharedPort(config, sources), ...findBothDnsFlags(config, sources)];
}

/** The DNS proxy takes datagrams: its port is free for connections. */
function findSharedPort(config: Config, sources: ReadonlyMap<SettingName, string>): readonly Problem[] {
  const { inbound, outbound } = config.redirect;
  if (inbound.port !== outbound.port) return [];
  const [key, other] = ["redirect.inbound.port", "redirect.outbound.port"] as const;
  const atDefault = sources.get(key) === "default";
  return [
    {
      source: sources.get(atDefault ? other : key) ?? key,
      message: `the proxy cannot take inbound and outbound connections at one port, ${inbound.port}: give two ports`,
    },
  ];
}

/**
 * Two flags that mean different things. Between keys of files there is no contradiction: `enabled` says whether,
 * `captureAll` says how much.
 */
function findBothDnsFlags(config: Config, sources: ReadonlyMap<SettingName, string>): readonly Problem[] {
  const { dns } = config.redirect;
  const [some, all] = ["redirect.dns.enabled", "redirect.dns.captureAll"] as const;
  const isFlag = (key: SettingName) => sources.get(key) === flagSource(mainFlagOf(key));
  if (!dns.enabled || !dns.captureAll || !isFlag(some) || !isFlag(all)) return [];
  const [source, other] = [flagSource(mainFlagOf(some)), flagSource(mainFlagOf(all))];
  return [{ source, message: `is for some name servers and ${other} for all of them: give one of the two` }];
}

/** All queries are queries: whoever captures them all has switched it on. */
function withImplied(config: Config): Config {
  const { dns } = config.redirect;
  const enabled = dns.enabled || dns.captureAll;
  return { ...config, redirect: { ...config.redirect, dns: { ...dns, enabled } } };
}

function deepFreeze<T>(value: T): T {
  // A typed array cannot be frozen; those in a configuration are the bytes of addresses.
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
