// The set-up file of the suites that need root (see vitest.config.ts): it runs before each of their files.

import { TestRunner } from "vitest";
import { missingForPrivilegedTests } from "./privileges.ts";

/**
 * Skips the tests of the current file, and says why, when the machine cannot run them. In CI (`CI=true`) a test
 * that cannot run is a failure: a skip there would look like a success for ever.
 */
export function requirePrivileged(): void {
  const missing = missingForPrivilegedTests();
  if (missing.length === 0) {
    return;
  }
  const message = `These tests cannot run here: ${missing.join("; ")}`;
  if (process.env.CI === "true") {
    throw new Error(`${message}. With CI=true that is a failure.`);
  }
  const { file } = TestRunner.getCurrentSuite();
  if (file === undefined) {
    throw new Error(
      `${message}. Nothing can be skipped: requirePrivileged() was called outside of a test file.`,
    );
  }
  // A skipped file runs no hook either: a beforeAll that makes a namespace would fail without root.
  file.mode = "skip";
  console.warn(`${file.name} is skipped. ${message}.`);
}

requirePrivileged();
