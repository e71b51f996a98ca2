// SPDX-License-Identifier: Apache-2.0
import { describeError, type ErrorCode, systemErrorCode, TproxyError } from "../core/errors.ts";
import type { Check } from "./check.ts";

/** What `doctor` advises where only root may look. */
export const ASK_AS_ROOT = "Run `tproxyctl doctor` as root to find out.";

/** A check that knows which error `install` ends with, where it is the same one. */
export interface CodedCheck extends Check {
  readonly code?: ErrorCode;
}

export interface Question {
  readonly name: string;
  readonly what: string;
  /** Says what is there. Throws a TproxyError, whose hint is the remedy, where it is not; or says all by itself. */
  readonly look: () => string | Pick<Check, "state" | "found" | "remedy">;
}

/** Makes a check of something that throws where it is not as it should be. What may not be looked at is unknown. */
export function runCheck({ name, what, look }: Question): CodedCheck {
  try {
    const answer = look();
    if (typeof answer !== "string") return { name, what, ...answer };
    return { name, what, state: "ok", found: answer, remedy: undefined };
  } catch (error) {
    const found = describeError(error);
    if (isForbidden(error)) return { name, what, state: "unknown", found, remedy: ASK_AS_ROOT };
    if (!(error instanceof TproxyError) || error.code === "INTERNAL") throw error;
    return { name, what, state: "missing", found, remedy: error.hint, code: error.code };
  }
}

/** A file that may not be looked at; the kernel's "no" to root is an answer. */
function isForbidden(error: unknown): boolean {
  if (process.geteuid?.() === 0 || !(error instanceof Error)) return false;
  return [systemErrorCode(error), systemErrorCode(error.cause)].some((code) => code === "EACCES");
}
