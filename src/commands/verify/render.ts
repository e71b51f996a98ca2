// SPDX-License-Identifier: Apache-2.0
import type { CheckResult } from "./check.ts";
import type { Verdict } from "./verdict.ts";

const WORDS = { ok: "ok", failed: "FAILED", "not-tried": "not tried" } as const;

export function renderText(results: readonly CheckResult[]): string[] {
  return results.flatMap((result) => {
    const line = `${WORDS[result.state]}: ${result.what}: ${result.found}`;
    const { expected, remedy } = result;
    return [
      line,
      ...(expected === undefined ? [] : [`    expected: ${expected}`]),
      ...(remedy === undefined ? [] : [`    ${remedy}`]),
    ];
  });
}

/** Names that do not change: programs read this. */
export function renderJson(results: readonly CheckResult[], verdict: Verdict): string {
  return JSON.stringify({ verified: verdict.verified, checks: results });
}
