// SPDX-License-Identifier: Apache-2.0
import { configJsonSchema } from "../config/json-schema.ts";
import type { CommandIo } from "./io.ts";

/** Prints the JSON schema of configuration files, for editors and for checks before a roll-out. */
export async function runConfigSchema(io: CommandIo): Promise<number> {
  io.out(JSON.stringify(configJsonSchema(), undefined, 2));
  return 0;
}
