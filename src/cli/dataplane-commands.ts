// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { CommandIo } from "../commands/io.ts";
import type { GivenFlag } from "../config/flag.ts";
import type { ResolvedConfig } from "../config/resolve-config.ts";
import type { Commands } from "./commands.ts";
import { DATAPLANE_CHECK_FLAGS, DATAPLANE_TRANSFORM_FLAGS } from "./dataplane-flags.ts";
import { dataplaneCheckOptions, dataplaneTransformOptions } from "./dataplane-options.ts";
import type { CliEnvironment } from "./environment.ts";
import { describesConfiguration } from "./explain-options.ts";
import type { AddCommand } from "./program.ts";

/** `dataplane transform` and `dataplane check`. */
export function addDataplaneCommands(
  program: Command,
  add: AddCommand,
  commands: Commands,
  environment: CliEnvironment,
  io: CommandIo,
  configOf: (given: readonly GivenFlag[]) => Promise<ResolvedConfig>,
): void {
  const { stdin, stdout } = environment;
  const dataplane = program
    .command("dataplane")
    .description("Look at, or change, a Dataplane resource of Kuma");
  add(
    "transform <file>",
    "Put transparentProxying in the place of the outbound section; all else stays",
    DATAPLANE_TRANSFORM_FLAGS,
    async (given, [file]) => {
      const options = dataplaneTransformOptions(String(file), given);
      const { runDataplaneTransform } = await commands.dataplaneTransform();
      return runDataplaneTransform(options, io, { stdin, write: (text) => stdout.write(text) });
    },
    dataplane,
  );
  add(
    "check <file>",
    "Compare a Dataplane with what is installed, or with the options given",
    DATAPLANE_CHECK_FLAGS,
    async (given, [file]) => {
      const options = dataplaneCheckOptions(String(file), given);
      const resolved = describesConfiguration(given) ? await configOf(given) : undefined;
      const { runDataplaneCheck } = await commands.dataplaneCheck();
      return runDataplaneCheck(resolved, options, io, stdin);
    },
    dataplane,
  );
}
