// SPDX-License-Identifier: Apache-2.0
import type { CommanderError } from "commander";
import { TproxyError } from "../core/errors.ts";

/**
 * What the parser does not understand, in our form: "unknown option '--x'" and, as the hint, the nearest known one.
 *
 * @param argv the words as the user wrote them: the parser saw `--x=true` where they say `--x`
 */
export function usageError(error: CommanderError, argv: readonly string[]): TproxyError {
  const text = error.message.replace(/^error: /, "");
  const asWritten = text.replace(/'(--[^']*)=true'/, (whole, flag) =>
    argv.includes(`${flag}=true`) ? whole : `'${flag}'`,
  );
  const [message = "", ...suggestion] = asWritten.split("\n");
  const nearest = suggestion.join(" ").replace(/^\((.*)\)$/, "$1");
  return new TproxyError("USAGE", message, { hint: nearest === "" ? SEE_HELP : nearest });
}

export const SEE_HELP =
  "`tproxyctl --help` lists the commands, `tproxyctl COMMAND --help` the options of one.";
