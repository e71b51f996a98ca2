// SPDX-License-Identifier: Apache-2.0
import type { CommandIo } from "../commands/io.ts";
import { CONFIG } from "../config/files/config-sources.ts";
import type { GivenFlag } from "../config/flag.ts";
import type { ResolvedConfig } from "../config/resolve-config.ts";
import { STORED_CONFIGURATION } from "../config/stored-configuration.ts";
import type { CliEnvironment } from "./environment.ts";

type Sources = Pick<CliEnvironment, "variables" | "stdin">;

/**
 * The configuration of install, and of what answers for it.
 *
 * @throws ConfigError
 */
export async function readGiven(
  given: readonly GivenFlag[],
  { variables, stdin }: Sources,
  io: CommandIo,
): Promise<ResolvedConfig> {
  const { readConfiguration } = await import("../config/read-configuration.ts");
  const warn = (text: string) => io.note(`warning: ${text}`);
  const note = (text: string) => io.note(`note: ${text}`);
  return readConfiguration({ given, variables, stdin, warn, note });
}

/** What `--store-systemd` stored, and no environment; flags go before. */
export function readStoredGiven(
  given: readonly GivenFlag[],
  { stdin }: Sources,
  io: CommandIo,
): Promise<ResolvedConfig> {
  return readGiven([{ flag: CONFIG, text: STORED_CONFIGURATION }, ...given], { variables: {}, stdin }, io);
}
