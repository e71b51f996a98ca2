// SPDX-License-Identifier: Apache-2.0
import { ConfigError, type Problem } from "../core/errors.ts";
import { type Flag, flagSource, type GivenFlag } from "./flag.ts";
import type { ValueParser } from "./values.ts";

/** Reads the flags of a command that has no configuration, and collects all that is wrong with them. */
export class FlagReader {
  readonly #given: readonly GivenFlag[];
  readonly #problems: Problem[] = [];

  constructor(given: readonly GivenFlag[]) {
    this.#given = given;
  }

  /** The flag's value (the last one, where it was given twice), or `fallback` where it was not given. */
  read<T, F>(flag: Flag, parse: ValueParser<T>, fallback: F): T | F {
    const last = this.#given.findLast((candidate) => candidate.flag.name === flag.name);
    if (last === undefined) return fallback;
    return parse(last.text, (message) => this.#problems.push({ source: flagSource(flag), message }));
  }

  refuse(flag: Flag, message: string): void {
    this.#problems.push({ source: flagSource(flag), message });
  }

  /** @throws ConfigError where anything that was read is wrong. */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }
}
