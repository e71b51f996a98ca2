// SPDX-License-Identifier: Apache-2.0
import { processEnvironment } from "./environment.ts";
import { reportError } from "./report-error.ts";
import { run } from "./run.ts";

// Files and pins get the mode that is said where they are made, whatever the caller's umask would make of it.
process.umask(0o022);

const environment = processEnvironment();
const argv = process.argv.slice(2);

process.on("uncaughtException", (error) => {
  reportError(error, argv, environment);
  process.exit(1);
});

const status = await run(argv, environment);
// A lost line of output has set it before.
process.exitCode = process.exitCode || status;
