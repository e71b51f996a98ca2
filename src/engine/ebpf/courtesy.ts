// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "../../core/errors.ts";

/**
 * Looks after the UDP sockets that are older than a change. The change is made: where this fails, it stands, and the user
 * is told who may not have noticed.
 *
 * @param look returns what the user should know, one sentence each
 */
export function asCourtesy(look: () => string[]): string[] {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof TproxyError)) throw error;
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    return [
      "all else is done, but looking for UDP sockets that ask the wrong one for DNS failed: " +
        `${describeError(error)}${hint}; if a program that was running before gets no answers, restart it`,
    ];
  }
}
