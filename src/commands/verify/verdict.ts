// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../../core/address.ts";
import type { CheckResult } from "./check.ts";

export interface Verdict {
  /** Nothing failed, and a real connection was intercepted. */
  readonly verified: boolean;
  /** One sentence without a full stop. */
  readonly text: string;
}

/**
 * What all results together mean. What could not be tried is no failure, but proves nothing either: without a connection
 * that was intercepted, nothing is proven.
 */
export function verdictOf(results: readonly CheckResult[]): Verdict {
  const failures = results.filter(({ state }) => state === "failed");
  const proofs = results.filter(({ proof }) => proof);
  if (failures.length > 0) {
    const [first] = failures;
    const more = failures.length === 1 ? "" : `, and ${failures.length - 1} more`;
    return { verified: false, text: `${first?.what}: ${first?.found}${more}` };
  }
  if (proofs.length === 0)
    return { verified: false, text: "no connection could be made that is intercepted" };
  const families = [...new Set(proofs.map(({ family }) => family))].filter(
    (family): family is Family => family !== undefined,
  );
  const names = families.map((family) => `IPv${family}`).join(" and ");
  const tried = results.filter(({ state }) => state !== "not-tried").length;
  return { verified: true, text: `connections are intercepted (${names}); all ${tried} checks are well` };
}
