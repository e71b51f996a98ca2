import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// These need root, and namespaces of their own. One file at a time: some look at what the whole kernel holds, some at the
// time that something takes.
const privileged = ["native", "conformance", "load", "lifecycle", "envoy", "demo"];

/** Look at their own world only, and mostly wait for programs to start and end: so many of their files at a time. */
const inParallel: Readonly<Record<string, number>> = { conformance: 3, lifecycle: 3, envoy: 2 };

/** These take minutes: whoever came to one of them last would be waited for. */
const LONG = /\/(killed-[a-z]+|cycles)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    // Never "no test files found, all is well".
    passWithNoTests: false,
    coverage: { provider: "v8", include: ["src/**/*.ts"] },
    projects: [
      // No test asserts a time: a busy machine may take longer than the five seconds that vitest would allow.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60_000, isolate: false } },
      ...privileged.map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          setupFiles: ["test/support/require-root.ts"],
          pool: "forks" as const,
          fileParallelism: name in inParallel,
          maxWorkers: inParallel[name] ?? 1,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      })),
    ],
  },
});
