import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TproxyError } from "../../../src/core/errors.ts";
import { type SystemCall, systemCallNumber } from "../../../src/native/system-calls.ts";
import { skipWithout } from "../../support/prerequisite.ts";

const CALLS: readonly SystemCall[] = ["pidfd_open", "pidfd_getfd"];

/** Where the kernel's headers of each kind of processor have their numbers: Debian's own, and its cross packages'. */
const HEADERS = [
  {
    processor: "x64",
    paths: [
      "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
      "/usr/x86_64-linux-gnu/include/asm/unistd_64.h",
      "/usr/include/asm/unistd_64.h",
    ],
  },
  {
    processor: "arm64",
    // The numbers of arm64 are the generic ones.
    paths: [
      "/usr/aarch64-linux-gnu/include/asm-generic/unistd.h",
      "/usr/include/aarch64-linux-gnu/asm-generic/unistd.h",
      "/usr/include/asm-generic/unistd.h",
    ],
  },
] as const;

describe.each(HEADERS)("the system calls of $processor", ({ processor, paths }) => {
  const header = paths.find((path) => existsSync(path));
  const missing =
    header === undefined
      ? `there is none of ${paths.join(", ")}; ./scripts/setup as root installs them`
      : undefined;

  test.for(CALLS)("%s has the number that the kernel's header says", (call, context) => {
    skipWithout(context, missing);
    const text = readFileSync(header ?? "", "utf8");
    const number = new RegExp(`^#define __NR_${call}\\s+(\\d+)$`, "m").exec(text)?.[1];
    expect(number, header).toBeDefined();
    expect(systemCallNumber(call, processor)).toBe(Number(number));
  });
});

test("a kind of processor that nobody tried is told so", () => {
  try {
    systemCallNumber("pidfd_open", "riscv64");
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(TproxyError);
    expect(error).toMatchObject({
      code: "PROCESSOR_UNSUPPORTED",
      message: expect.stringMatching(/kind riscv64, .* x64 and arm64 only/),
      hint: expect.stringContaining("--engine=iptables"),
    });
  }
});
