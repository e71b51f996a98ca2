// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "./errors.ts";

interface Step {
  readonly what: string;
  readonly undo: () => void | Promise<void>;
  readonly onlyIfAllUndone: boolean;
}

/**
 * How to take back what was done so far, for the case that something later fails. With `await using` it is
 * taken back, newest first, unless `keep` was called.
 */
export class Undo implements AsyncDisposable {
  readonly #steps: Step[] = [];

  /** `what` names the step in the error of an undo that fails itself. */
  add(what: string, undo: Step["undo"]): void {
    this.#steps.push({ what, undo, onlyIfAllUndone: false });
  }

  /** For what says that something may be left: it goes only where everything that was added after it was taken back. */
  addIfAllUndone(what: string, undo: Step["undo"]): void {
    this.#steps.push({ what, undo, onlyIfAllUndone: true });
  }

  /** Everything went well: nothing is taken back. */
  keep(): void {
    this.#steps.length = 0;
  }

  /** Every step is tried, also after one that failed, but for those that are not to be then. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: string[] = [];
    for (const { what, undo, onlyIfAllUndone } of this.#steps.splice(0).reverse()) {
      if (onlyIfAllUndone && failures.length > 0) continue;
      try {
        await undo();
      } catch (error) {
        failures.push(`${what}: ${describeError(error)}`);
      }
    }
    if (failures.length === 0) return;
    throw new TproxyError("INTERNAL", `could not take back everything: ${failures.join("; ")}`, {
      hint: "`tproxyctl uninstall` removes what is left.",
    });
  }
}
