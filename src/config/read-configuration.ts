// SPDX-License-Identifier: Apache-2.0
import type { Problem } from "../core/errors.ts";
import { environmentLayer } from "./environment-layer.ts";
import { type ConfigSource, configSources } from "./files/config-sources.ts";
import type { GivenFlag } from "./flag.ts";
import { flagLayer, type Layer } from "./layers.ts";
import { type ResolvedConfig, resolveConfig } from "./resolve-config.ts";

/** All that a configuration is made of. */
export interface ConfigurationInput {
  readonly given: readonly GivenFlag[];
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stdin: () => AsyncIterable<Uint8Array | string>;
  /** Takes what is probably a mistake, one sentence each, also where the configuration then turns out to be wrong. */
  readonly warn: (warning: string) => void;
  /** Takes what the user should know. */
  readonly note: (note: string) => void;
}

/**
 * Reads the configuration: the defaults, over them the files in their order, over them the environment, over them the
 * flags.
 *
 * @throws ConfigError with everything that is wrong anywhere
 */
export async function readConfiguration(input: ConfigurationInput): Promise<ResolvedConfig> {
  const { sources, notes } = configSources(input.given);
  for (const note of notes) input.note(note);
  const files = await readFiles(sources, input);
  const environment = environmentLayer(input.variables);
  for (const warning of environment.warnings) input.warn(warning);
  const layers = [...files.layers, environment.layer, flagLayer(input.given)];
  const resolved = resolveConfig(layers, files.problems, input.variables);
  for (const note of resolved.notes) input.note(note);
  return resolved;
}

async function readFiles(
  sources: readonly ConfigSource[],
  { stdin, warn }: ConfigurationInput,
): Promise<{ readonly layers: readonly Layer[]; readonly problems: readonly Problem[] }> {
  const layers: Layer[] = [];
  const problems: Problem[] = [];
  if (sources.length === 0) return { layers, problems };
  // Loaded only here: an installation without files does not pay for the parser.
  const { readSource } = await import("./files/read-source.ts");
  const { readFileLayer } = await import("./files/file-layer.ts");
  let stdinTaken = false;
  for (const source of sources) {
    if (source.kind === "stdin" && stdinTaken) {
      problems.push({ source: source.flag, message: "stdin (-) can be read only once" });
      continue;
    }
    stdinTaken ||= source.kind === "stdin";
    const read = await readSource(source, stdin);
    if ("problem" in read) {
      problems.push({ source: `${source.flag}: ${read.name}`, message: read.problem });
      continue;
    }
    const contents = readFileLayer(read);
    layers.push(contents.layer);
    for (const problem of contents.problems) problems.push(problem);
    for (const warning of contents.warnings) warn(warning);
  }
  return { layers, problems };
}
