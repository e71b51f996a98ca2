// SPDX-License-Identifier: Apache-2.0
import type { CommanderError } from "commander";
import { TproxyError } from "../core/errors.ts";

/** What the parser does not understand, in our form: "unknown option '--x'" and, as the hint, the nearest known one. */
export function usageError(error: CommanderError): TproxyError {
  const [message = "", ...suggestion] = error.message.replace(/^error: /, "").split("\n");
  const nearest = suggestion.join(" ").replace(/^\((.*)\)$/, "$1");
  return new TproxyError("USAGE", message, { hint: nearest === "" ? SEE_HELP : nearest });
}

export const SEE_HELP =
  "`tproxyctl --help` lists the commands, `tproxyctl COMMAND --help` the options of one.";
