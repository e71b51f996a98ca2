// SPDX-License-Identifier: Apache-2.0
import { Command } from "commander";
import { VERSION } from "../core/version.ts";
import { addFlags, optionTerm } from "./add-flags.ts";
import { ROOT_FLAGS } from "./command-flags.ts";
import type { CliEnvironment } from "./environment.ts";

export function newRoot(environment: CliEnvironment): Command {
  const program = new Command("tproxyctl")
    .description(
      "Transparent proxying for service-mesh sidecars with eBPF; as `kumactl install transparent-proxy`.",
    )
    .version(VERSION)
    .exitOverride()
    .configureHelp({ optionTerm })
    .configureOutput({
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => environment.stderr.write(text),
      getOutHelpWidth: () => environment.stdout.columns ?? 100,
      getErrHelpWidth: () => environment.stderr.columns ?? 100,
      // Errors are thrown as well, and reported where all are.
      outputError: () => {},
    });
  addFlags(program, ROOT_FLAGS, []);
  return program;
}
