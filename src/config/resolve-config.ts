// SPDX-License-Identifier: Apache-2.0
import { ConfigError, type Problem } from "../core/errors.ts";
import { findBothDnsModes } from "./both-dns-modes.ts";
import type { Config } from "./config.ts";
import { noteHostBits } from "./host-bits.ts";
import { defaultLayer, type Layer, mergeLayers } from "./layers.ts";
import { resolveAuxiliaries } from "./resolve-auxiliaries.ts";
import { configSchema } from "./schema.ts";
import type { SettingName } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { toProblem, toTree } from "./tree.ts";

/** The configuration, and where each of its values came from. */
export interface ResolvedConfig {
  readonly config: Config;
  /** `--flag`, `file:key`, `VARIABLE` or "default". */
  readonly sources: ReadonlyMap<SettingName, string>;
  /** What the user should know of what was given, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Makes one configuration of the defaults and the layers given, a later one over an earlier one.
 *
 * @param found what is wrong already with where the layers came from
 * @param variables of the process: one of them may have the instance's addresses
 * @throws ConfigError with everything that is wrong, each with the place that its value came from.
 */
export function resolveConfig(
  layers: readonly Layer[],
  found: readonly Problem[] = [],
  variables: Readonly<Record<string, string | undefined>> = {},
): ResolvedConfig {
  const given = mergeLayers([defaultLayer(), ...layers]);
  const auxiliaries = resolveAuxiliaries(given, variables);
  const { layer, notes } = auxiliaries;
  const merged = new Map(SETTINGS.map(({ key }) => [key, layer.get(key)] as const));
  const sources = new Map([...merged].map(([key, each]) => [key, each?.source ?? "default"]));
  const parsed = configSchema.safeParse(toTree(merged));
  const problems = [...found, ...auxiliaries.problems];
  if (!parsed.success) {
    const refused = parsed.error.issues.map((issue) => toProblem(issue.path, issue.message, sources));
    throw new ConfigError([...problems, ...refused]);
  }
  // What each value allows and all of them together do not.
  problems.push(...findSharedPort(parsed.data, sources), ...findBothDnsModes(parsed.data, layers));
  if (problems.length > 0) throw new ConfigError(problems);
  const config = deepFreeze(withImplied(parsed.data));
  return { config, sources, notes: [...notes, ...noteHostBits(given)] };
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

/** All queries are queries: whoever captures them all has switched it on. */
function withImplied(config: Config): Config {
  const { dns } = config.redirect;
  const enabled = dns.enabled || dns.captureAll;
  return { ...config, redirect: { ...config.redirect, dns: { ...dns, enabled } } };
}

function deepFreeze<T>(value: T): T {
  if (!isTable(value)) return value;
  // A hundred thousand addresses take their time: for each, no list of what is in it.
  for (const name in value) {
    const child: unknown = value[name];
    if (isTable(child)) deepFreeze(child);
  }
  return Object.freeze(value);
}

/** Or a list. A typed array cannot be frozen; those in a configuration are the bytes of addresses. */
function isTable<T>(value: T): value is T & object {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
}
