// SPDX-License-Identifier: Apache-2.0
import type { WrittenValue } from "./written-config.ts";

/** A value, and where it stands in a file: "redirect.inbound.port". */
export interface FileEntry {
  readonly path: string;
  readonly value: WrittenValue;
  /** Goes behind it, if there is something to say. */
  readonly comment?: string;
}

interface Tree {
  [name: string]: WrittenValue | Tree;
}

export function toTree(entries: readonly FileEntry[]): Tree {
  const tree: Tree = {};
  for (const [name, below] of byFirstName(entries)) {
    const [first] = below;
    tree[name] = first !== undefined && first.path === "" ? first.value : toTree(below);
  }
  return tree;
}

/** Lines of a file that `--config` reads. JSON's scalars and lists are YAML's, so nothing need be quoted in another way. */
export function toYaml(entries: readonly FileEntry[], depth = 0): readonly string[] {
  const indent = "  ".repeat(depth);
  return [...byFirstName(entries)].flatMap(([name, below]) => {
    const [first] = below;
    if (first === undefined || first.path !== "") return [`${indent}${name}:`, ...toYaml(below, depth + 1)];
    const comment = first.comment === undefined ? "" : ` # ${first.comment}`;
    return [`${indent}${name}: ${JSON.stringify(first.value)}${comment}`];
  });
}

/** By the first name of their paths, each with the rest of its path. */
function byFirstName(entries: readonly FileEntry[]): Map<string, FileEntry[]> {
  const groups = new Map<string, FileEntry[]>();
  for (const entry of entries) {
    const [name = "", ...rest] = entry.path.split(".");
    const group = groups.get(name) ?? [];
    group.push({ ...entry, path: rest.join(".") });
    groups.set(name, group);
  }
  return groups;
}
