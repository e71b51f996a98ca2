import type { TestContext } from "vitest";

/**
 * Ends a test that lacks something: skipped, with what it lacks for the reason; failed with `CI=true`, where a skip would look
 * like a success for ever.
 *
 * @param missing undefined: it lacks nothing
 */
export function skipWithout({ skip }: Pick<TestContext, "skip">, missing: string | undefined): void {
  if (missing === undefined) return;
  if (process.env.CI === "true")
    throw new Error(`This test cannot run here: ${missing}. With CI=true that is a failure.`);
  skip(missing);
}
