// SPDX-License-Identifier: Apache-2.0
import { type FileEntry, toTree, toYaml } from "../config/configuration-file.ts";
import type { ResolvedConfig } from "../config/resolve-config.ts";
import { writeSettings } from "../config/written-config.ts";
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
    comment: oneLine(sources.get(setting.key) ?? "default"),
  }));
  if (options.json) io.out(JSON.stringify(toJson(settings), undefined, 2));
  else for (const line of toYaml(settings)) io.out(line);
  return 0;
}

function toJson(settings: readonly FileEntry[]): unknown {
  return {
    config: toTree(settings),
    sources: Object.fromEntries(settings.map(({ path, comment }) => [path, comment])),
  };
}

/** A file's name may have whatever a name may have. */
function oneLine(source: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return source.replaceAll(/[\x00-\x1f\x7f\u0085\u2028\u2029]/g, "?");
}
