// SPDX-License-Identifier: Apache-2.0
import { processEnvironment } from "./environment.ts";
import { reportError } from "./report-error.ts";
import { run } from "./run.ts";

const environment = processEnvironment();
const argv = process.argv.slice(2);

process.on("uncaughtException", (error) => {
  reportError(error, argv, environment);
  process.exit(1);
});

const status = await run(argv, environment);
// A lost line of output has set it before.
process.exitCode = process.exitCode || status;
