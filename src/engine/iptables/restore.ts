// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import { TproxyError } from "../../core/errors.ts";
import { runToEnd } from "../../host/exec.ts";
import type { Executables } from "./executables.ts";
import { findLine, hintForRefusal, isAboutLock, mayPass, quoteRefusal, type Refusal } from "./refusal.ts";
import { describeLockHolder, lockEnvironment } from "./xtables-lock.ts";

export interface RestoreOptions {
  /**
   * Seconds that legacy waits for the xtables lock. 0: it is not told to, and waits (1.8.9) until it is ended for
   * taking too long.
   */
  readonly wait: number;
  /** Microseconds, 0–999999; 0: legacy is not told. 1.8 knows the option and ignores it, with a remark. */
  readonly waitInterval: number;
  /** After the first try. */
  readonly maxRetries: number;
  readonly sleepBetweenRetriesMs: number;
  /** For what the user should know: one line. */
  readonly note: (line: string) => void;
  /** Only read the text, change nothing. Legacy makes the kernel create the tables even then: not for a dry run. */
  readonly test?: boolean;
  /** Milliseconds that a try may take besides waiting for the lock. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;

/**
 * Gives a text to iptables-restore, which leaves everything that it does not name. Each table is changed at its COMMIT,
 * all at once (nft and legacy alike): where a later table fails, the tables before it stay changed. A newline at the end
 * is added where there is none: legacy would not take the last COMMIT.
 *
 * What may pass is tried again (see `mayPass`); a text that is wrong is not, nor a program that was killed or took too
 * long.
 *
 * @throws TproxyError IPTABLES_FAILED with iptables' own message and the line that it means
 */
export async function restoreRules(
  { mode, restore }: Pick<Executables, "mode" | "restore">,
  text: string,
  options: RestoreOptions,
): Promise<void> {
  const { note, sleepBetweenRetriesMs, wait, timeoutMs = TIMEOUT_MS } = options;
  const tries = 1 + options.maxRetries;
  const input = text.endsWith("\n") ? text : `${text}\n`;
  const args = restoreArguments(mode, options);
  const runOptions = { input, timeoutMs: timeoutMs + wait * 1000, env: lockEnvironment() };
  for (let attempt = 1; ; attempt++) {
    const ended = await runToEnd(restore, args, runOptions);
    if (ended.succeeded) {
      for (const line of ended.stderr.split("\n")) if (line.trim() !== "") note(`${restore}: ${line.trim()}`);
      return;
    }
    const failure = explain(ended, mode, input);
    if (attempt >= tries || !mayPass(ended, input)) {
      const message = `cannot change the rules: ${restore}${attempt > 1 ? `, ${attempt} tries` : ""}: `;
      const { hint } = failure;
      throw new TproxyError("IPTABLES_FAILED", message + failure.parts.join("\n  "), {
        log: ended.stderr,
        cause: ended.cause,
        hint,
      });
    }
    const pause = sleepBetweenRetriesMs / 1000;
    note(`${restore}: try ${attempt} of ${tries} failed: ${failure.parts.join("; ")}; again in ${pause} s`);
    await setTimeout(sleepBetweenRetriesMs);
  }
}

/** nft has no lock, takes these options and ignores them. */
function restoreArguments(mode: Executables["mode"], { wait, waitInterval, test }: RestoreOptions): string[] {
  const waiting = mode === "legacy" ? { wait, "wait-interval": waitInterval } : {};
  return [
    "--noflush",
    ...Object.entries(waiting).flatMap(([name, value]) => (value > 0 ? [`--${name}=${value}`] : [])),
    ...(test === true ? ["--test"] : []),
  ];
}

interface Explanation {
  readonly parts: readonly string[];
  readonly hint: string;
}

function explain(refusal: Refusal, mode: Executables["mode"], text: string): Explanation {
  const line = findLine(refusal, text);
  const holder = mode === "legacy" && isAboutLock(refusal) ? describeLockHolder() : undefined;
  const parts = [
    quoteRefusal(refusal),
    ...(line === undefined ? [] : [`line ${line.number}: ${line.text}`]),
    ...(holder === undefined ? [] : [holder]),
  ];
  return { parts, hint: hintForRefusal(refusal, holder !== undefined, line?.text) };
}
