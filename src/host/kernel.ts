// SPDX-License-Identifier: Apache-2.0
import { release } from "node:os";
import { TproxyError } from "../core/errors.ts";
import { systemCallNumber } from "../native/system-calls.ts";

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

export function isLinux(): boolean {
  return process.platform === "linux";
}

/** What uname(2) says, so `setarch --uname-2.6` makes any kernel look like a 2.6. */
export function kernelRelease(): string {
  return release();
}

/**
 * Whether the system calls that are made by number are known here.
 *
 * @throws TproxyError PROCESSOR_UNSUPPORTED
 */
export function requireProcessor(processor: string = process.arch): void {
  systemCallNumber("pidfd_getfd", processor);
}

/** The version in a release such as "6.18.44-fc-v769". Throws INTERNAL where it begins with none. */
export function parseKernelRelease(text: string): KernelVersion {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined || minor === undefined) {
    throw new TproxyError(
      "INTERNAL",
      `the kernel's release ${JSON.stringify(text)} begins with no version number`,
    );
  }
  return { major: Number(major), minor: Number(minor) };
}

/** Whether a kernel is the one given, or newer. */
export function atLeast(kernel: KernelVersion, major: number, minor: number): boolean {
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}
