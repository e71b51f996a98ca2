// SPDX-License-Identifier: Apache-2.0
import type { Flag } from "../config/flag.ts";

/**
 * Writes out the value of every switch: `--verbose` becomes `--verbose=true`, and `-i` `--in-place=true`. Without that the parser would take
 * the word after it for its value (`install --verbose transparent-proxy`), which kumactl's parser never does.
 */
export function writeOutSwitches(argv: readonly string[], flags: readonly Flag[]): readonly string[] {
  const known = new Map(flags.map((flag) => [`--${flag.name}`, flag]));
  for (const flag of flags) if (flag.short !== undefined) known.set(`-${flag.short}`, flag);
  const result: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "--") return [...result, ...argv.slice(index)];
    const flag = known.get(word);
    if (flag !== undefined && flag.argument === undefined) {
      result.push(`--${flag.name}=true`);
      continue;
    }
    result.push(word);
    // The word after a flag that takes one is its value, whatever it looks like.
    const value = argv[index + 1];
    if (flag !== undefined && value !== undefined) {
      result.push(value);
      index++;
    }
  }
  return result;
}

/**
 * Without a `--config-file` in front of the command: that is kumactl's own configuration (where its control plane is),
 * which install and uninstall need nothing of.
 */
export function dropGlobalConfigFile(argv: readonly string[], flags: readonly Flag[]): readonly string[] {
  const known = new Map(flags.map((flag) => [`--${flag.name}`, flag]));
  const kept: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (!word.startsWith("-") || word === "--") return [...kept, ...argv.slice(index)];
    const takesNext = known.get(word)?.argument !== undefined;
    const words = argv.slice(index, index + (takesNext ? 2 : 1));
    if (!/^--config-file(=|$)/.test(word)) kept.push(...words);
    index += words.length - 1;
  }
  return kept;
}
