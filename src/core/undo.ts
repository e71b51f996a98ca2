// SPDX-License-Identifier: Apache-2.0
import { describeError, TproxyError } from "./errors.ts";

/**
 * How to take back what was done so far, for the case that something later fails. With `await using` it is
 * taken back, newest first, unless `keep` was called.
 */
export class Undo implements AsyncDisposable {
  readonly #steps: { readonly what: string; readonly undo: () => void | Promise<void> }[] = [];

  /** `what` names the step in the error of an undo that fails itself. */
  add(what: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** Everything went well: nothing is taken back. */
  keep(): void {
    this.#steps.length = 0;
  }

  /** Every step is tried, also after one that failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: string[] = [];
    for (const { what, undo } of this.#steps.splice(0).reverse()) {
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
