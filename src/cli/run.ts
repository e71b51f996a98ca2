// SPDX-License-Identifier: Apache-2.0

import { VERSION } from "../core/version.ts";
import { COMMANDS, type Commands } from "./commands.ts";
import type { CliEnvironment } from "./environment.ts";
import { reportError } from "./report-error.ts";

/**
 * Does what the command line says, and reports what goes wrong. Never throws.
 *
 * @returns the exit status: 0 success, 1 failure, or what the command gives a meaning to
 */
export async function run(
  argv: readonly string[],
  environment: CliEnvironment,
  commands: Commands = COMMANDS,
): Promise<number> {
  try {
    if (asksForVersion(argv)) {
      environment.stdout.write(`${VERSION}\n`);
      return 0;
    }
    const { runProgram } = await import("./program.ts");
    return await runProgram(argv, environment, commands);
  } catch (error) {
    reportError(error, argv, environment);
    return 1;
  }
}

/** Answered before the parser is loaded. */
function asksForVersion(argv: readonly string[]): boolean {
  return argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V");
}
