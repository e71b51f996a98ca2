import { defineConfig } from "vitest/config";

// One network namespace a file, one file at a time: these need root and look at what the whole kernel holds.
const privileged = ["native", "conformance", "lifecycle", "envoy", "demo"];

export default defineConfig({
  test: {
    // Never "no test files found, all is well".
    passWithNoTests: false,
    coverage: { provider: "v8", include: ["src/**/*.ts"] },
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      ...privileged.map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          setupFiles: ["test/support/require-root.ts"],
          pool: "forks" as const,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      })),
    ],
  },
});
