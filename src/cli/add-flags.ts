// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from "commander";
import type { Flag, GivenFlag } from "../config/flag.ts";

/**
 * Makes the command accept the flags. What is given is added to `given` as text, in the order of the command
 * line; reading and checking the values is up to whoever uses them, so that all problems are reported at once.
 */
export function addFlags(command: Command, flags: readonly Flag[], given: GivenFlag[]): void {
  for (const flag of flags) command.addOption(toOption(flag, given));
}

function toOption(flag: Flag, given: GivenFlag[]): Option {
  const option = new Option(
    `${flag.short === undefined ? "" : `-${flag.short}, `}--${flag.name} ${flag.argument === undefined ? "[bool]" : `<${flag.argument}>`}`,
  );
  option.description =
    flag.defaultText === undefined ? flag.help : `${flag.help} (default: ${flag.defaultText})`;
  option.hidden = flag.hidden === true;
  option.argParser((text: string) => {
    given.push({ flag, text });
    return text;
  });
  return option;
}

/** How the help text shows an option: `--redirect-inbound[=BOOL]`, since a switch never takes the next word. */
export function optionTerm(option: Option): string {
  if (!option.optional || option.long === undefined) return option.flags;
  return `${option.short === undefined ? "" : `${option.short}, `}${option.long}[=BOOL]`;
}
