// SPDX-License-Identifier: Apache-2.0
import { systemErrorCode } from "../core/errors.ts";

/** A stream that text is written to. */
export interface Output {
  write(text: string): unknown;
  /** The width of the terminal in characters, where it is one. */
  readonly columns?: number | undefined;
}

/** All that the command line interface touches of the process it runs in; tests make their own. */
export interface CliEnvironment {
  readonly stdout: Output;
  readonly stderr: Output;
  /** What stands on stdin; not touched before it is asked for. */
  readonly stdin: () => AsyncIterable<Uint8Array | string>;
  /** Whether somebody sits at stdin; undefined: nobody. */
  readonly isTerminal?: () => boolean;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGTERM, SIGINT or SIGHUP, which from this call on do not end the process (a second one does). */
  readonly untilTerminated: () => AbortSignal;
}

/** The environment of the process itself. */
export function processEnvironment(): CliEnvironment {
  survive(process.stdout, "stdout");
  survive(process.stderr, "stderr");
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: () => process.stdin,
    isTerminal: () => process.stdin.isTTY === true,
    variables: process.env,
    untilTerminated,
  };
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

function untilTerminated(): AbortSignal {
  const controller = new AbortController();
  // The listeners stay after the first signal: where there is none but its own, execa lets it end the process.
  const receive = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      for (const each of SIGNALS) process.removeListener(each, receive);
      process.kill(process.pid, signal);
    }
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, receive);
  return controller.signal;
}

/**
 * Whoever read our output may go away at any time (`tproxyctl status | head -1`); that is no reason to stop half
 * way through an installation, nor for a message. Output that is lost otherwise (a full disk) is a failure.
 */
function survive(stream: NodeJS.WriteStream, name: string): void {
  stream.on("error", (error) => {
    if (systemErrorCode(error) === "EPIPE") return;
    process.exitCode = 1;
    if (name !== "stderr") process.stderr.write(`error: cannot write to ${name}: ${error.message}\n`);
  });
}
