// What the tests of the whole reading share.

import { INSTALL_FLAGS } from "../../../src/cli/command-flags.ts";
import type { GivenFlag } from "../../../src/config/flag.ts";
import { readConfiguration } from "../../../src/config/read-configuration.ts";
import type { ResolvedConfig } from "../../../src/config/resolve-config.ts";
import { ConfigError, type Problem } from "../../../src/core/errors.ts";

export interface Reading {
  readonly resolved: ResolvedConfig | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

/** Reads a configuration as install does. Whatever is thrown that is no ConfigError gets out. */
export async function read(
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  stdin: string | Buffer = "",
): Promise<Reading> {
  const warnings: string[] = [];
  const notes: string[] = [];
  const input = {
    given: words.map(toFlag),
    variables,
    stdin: () => once(stdin),
    warn: (text: string) => warnings.push(text),
    note: (text: string) => notes.push(text),
  };
  try {
    return { resolved: await readConfiguration(input), problems: [], warnings, notes };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { resolved: undefined, problems: error.problems, warnings, notes };
  }
}

/** Much cheaper than a stream. */
async function* once<T>(chunk: T): AsyncGenerator<T> {
  yield chunk;
}

/** `--redirect-dns` and `--redirect-dns=true`. */
function toFlag(word: string): GivenFlag {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const flag = INSTALL_FLAGS.find((candidate) => candidate.name === name);
  if (flag === undefined) throw new Error(`no flag ${name}`);
  return { flag, text: equals < 0 ? "true" : word.slice(equals + 1) };
}
