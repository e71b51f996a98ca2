// SPDX-License-Identifier: Apache-2.0
import { ConfigError, TproxyError } from "../core/errors.ts";
import type { CliEnvironment } from "./environment.ts";

/**
 * Explains on stderr what went wrong: what was being done and what failed, what the user can do, and the code
 * that scripts go by. With `--verbose` also the causes and the log. Anything but a TproxyError is a bug.
 */
export function reportError(
  thrown: unknown,
  argv: readonly string[],
  { stderr, variables }: Pick<CliEnvironment, "stderr" | "variables">,
): void {
  const detail = { verbose: isVerbose(argv), debug: isSet(variables.TPROXYCTL_DEBUG) };
  for (const error of unpack(thrown)) {
    const lines = error instanceof TproxyError ? explain(error, detail) : explainBug(error, detail);
    stderr.write(`${lines.join("\n")}\n`);
  }
}

interface Detail {
  readonly verbose: boolean;
  readonly debug: boolean;
}

function explain(error: TproxyError, detail: Detail): readonly string[] {
  const what =
    error instanceof ConfigError ? error.problems.map(({ source, message }) => `${source}: ${message}`) : [];
  const lines = (what.length > 0 ? what : [error.message]).map((text) => field("error", text));
  if (error.hint !== undefined) lines.push(field("hint", error.hint));
  lines.push(field("code", error.code));
  if (detail.verbose || detail.debug) {
    lines.push(...causes(error), ...logs(error));
  }
  if (detail.debug) lines.push(...stack(error));
  return lines;
}

function explainBug(error: unknown, detail: Detail): readonly string[] {
  const lines = [
    field("error", `a bug in tproxyctl: ${error instanceof Error ? error.message : String(error)}`),
    field("hint", "Please report it with what the same command prints when TPROXYCTL_DEBUG=1 is set."),
    field("code", "INTERNAL"),
  ];
  if (detail.verbose || detail.debug) lines.push(...causes(error), ...stack(error));
  return lines;
}

/** "error: one line" or "error: first line" and the others below it, indented. */
function field(name: string, text: string): string {
  return `${`${name}:`.padStart(6)} ${text.trimEnd().replaceAll("\n", "\n       ")}`;
}

function causes(error: unknown): readonly string[] {
  if (!(error instanceof Error) || error.cause === undefined) return [];
  const { cause } = error;
  return [field("cause", cause instanceof Error ? cause.message : String(cause)), ...causes(cause)];
}

/** The logs of the error and of its causes. */
function logs(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const own = error instanceof TproxyError && error.log !== undefined ? [field("log", error.log)] : [];
  return [...own, ...logs(error.cause)];
}

function stack(error: unknown): readonly string[] {
  return error instanceof Error && error.stack !== undefined ? [field("at", error.stack)] : [];
}

/**
 * Where releasing something failed after an error, both in the order they happened: the first is what the user
 * asks about. Node.js 22 has no SuppressedError of its own, so it is known by its parts.
 */
function unpack(thrown: unknown): readonly unknown[] {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.flatMap(unpack);
  if (thrown instanceof Error && "suppressed" in thrown && "error" in thrown) {
    return [...unpack(thrown.suppressed), ...unpack(thrown.error)];
  }
  return [thrown];
}

/** Looked for in the words themselves: the error may be that they cannot be parsed. */
function isVerbose(argv: readonly string[]): boolean {
  return argv.some((word) => /^--verbose(=(1|t|true))?$/i.test(word));
}

function isSet(variable: string | undefined): boolean {
  return variable !== undefined && variable !== "" && variable !== "0";
}
