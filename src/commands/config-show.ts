// SPDX-License-Identifier: Apache-2.0
import type { ResolvedConfig } from "../config/resolve-config.ts";
import { type WrittenSetting, type WrittenValue, writeSettings } from "../config/written-config.ts";
import type { CommandIo } from "./io.ts";

export interface ConfigShowOptions {
  readonly json: boolean;
}

/**
 * Shows the configuration in the form of a file, which may be given back by `--config`, and where each value came from:
 * in YAML as comments, in JSON beside it.
 */
export async function runConfigShow(
  { config, sources }: ResolvedConfig,
  options: ConfigShowOptions,
  io: CommandIo,
): Promise<number> {
  const settings = writeSettings(config).map((setting) => ({
    ...setting,
    source: oneLine(sources.get(setting.key) ?? "default"),
  }));
  if (options.json) io.out(JSON.stringify(toJson(settings), undefined, 2));
  else for (const line of toYaml(settings, 0)) io.out(line);
  return 0;
}

interface Shown extends WrittenSetting {
  readonly source: string;
}

function toJson(settings: readonly Shown[]): unknown {
  return {
    config: toTree(settings),
    sources: Object.fromEntries(settings.map(({ path, source }) => [path, source])),
  };
}

interface Tree {
  [name: string]: WrittenValue | Tree;
}

function toTree(settings: readonly Pick<Shown, "path" | "value">[]): Tree {
  const tree: Tree = {};
  for (const [name, below] of byFirstName(settings)) {
    const [first] = below;
    tree[name] = first !== undefined && first.path === "" ? first.value : toTree(below);
  }
  return tree;
}

/** By the first name of their paths, each with the rest of its path. */
function byFirstName<T extends Pick<Shown, "path">>(settings: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const setting of settings) {
    const [name = "", ...rest] = setting.path.split(".");
    const group = groups.get(name) ?? [];
    group.push({ ...setting, path: rest.join(".") });
    groups.set(name, group);
  }
  return groups;
}

/** JSON's scalars and lists are YAML's, so nothing need be quoted in another way. */
function toYaml(settings: readonly Shown[], depth: number): readonly string[] {
  const indent = "  ".repeat(depth);
  return [...byFirstName(settings)].flatMap(([name, below]) => {
    const [first] = below;
    if (first === undefined || first.path !== "") return [`${indent}${name}:`, ...toYaml(below, depth + 1)];
    return [`${indent}${name}: ${JSON.stringify(first.value)} # ${first.source}`];
  });
}

/** A file's name may have whatever a name may have. */
function oneLine(source: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return source.replaceAll(/[\x00-\x1f\x7f\u0085\u2028\u2029]/g, "?");
}
