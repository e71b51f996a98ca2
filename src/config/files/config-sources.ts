// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import type { Flag, GivenFlag } from "../flag.ts";

/** Where a piece of configuration is to be read from. */
export type ConfigSource =
  | { readonly kind: "file"; readonly flag: string; readonly path: string }
  | { readonly kind: "stdin"; readonly flag: string }
  | { readonly kind: "text"; readonly flag: string; readonly text: string };

export const CONFIG: Flag = {
  name: "config",
  argument: "FILE",
  repeatable: true,
  help: "read a configuration file (YAML or JSON; - for stdin); repeatable, a later one overrides an earlier one",
};

export const CONFIG_FILE: Flag = {
  name: "config-file",
  argument: "FILE",
  repeatable: true,
  help: "as --config",
  hidden: true,
  deprecated: "--config-file is deprecated; --config says the same",
};

/** What kumactl's validator calls it. */
export const TRANSPARENT_PROXY_CONFIG: Flag = {
  ...CONFIG,
  name: "transparent-proxy-config",
  help: "as --config",
};

const NAMES: ReadonlySet<string> = new Set([CONFIG.name, CONFIG_FILE.name, TRANSPARENT_PROXY_CONFIG.name]);

/**
 * What the flags name, in their order. Kuma 2.9 and 2.10 give `--config` the text of a configuration instead of the
 * name of a file, and 2.7 and 2.8 give `--config-file` kumactl's own configuration, which is not about this.
 */
export function configSources(given: readonly GivenFlag[]): {
  readonly sources: readonly ConfigSource[];
  readonly notes: readonly string[];
} {
  const sources: ConfigSource[] = [];
  const notes: string[] = [];
  for (const { flag, text } of given) {
    const name = `--${flag.name}`;
    if (!NAMES.has(flag.name)) continue;
    if (flag.name === CONFIG_FILE.name && /(^|\/)\.?kumactl\/config$/.test(text))
      notes.push(`${name}: ${text} is kumactl's own configuration and is not read; --config names files`);
    else if (isText(text)) sources.push({ kind: "text", flag: name, text });
    else sources.push(...splitPaths(text).map((path) => toSource(path, name)));
  }
  return { sources, notes };
}

function isText(text: string): boolean {
  return text.includes("\n") || /^\s*(\{|["']?[A-Za-z][A-Za-z0-9-]*["']?\s*:(\s|$))/.test(text);
}

/** Commas separate files, unless there is a file whose name has them. Nothing names no file: `--config=""`. */
function splitPaths(text: string): readonly string[] {
  if (text.includes(",") && !text.includes("\0") && existsSync(text)) return [text];
  return text
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "");
}

function toSource(path: string, flag: string): ConfigSource {
  return path === "-" ? { kind: "stdin", flag } : { kind: "file", flag, path };
}
