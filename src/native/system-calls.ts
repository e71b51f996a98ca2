// SPDX-License-Identifier: Apache-2.0
import { TproxyError } from "../core/errors.ts";

/** The system calls that are made by their numbers: glibc has functions for them from 2.36 on, musl has none. */
export type SystemCall = "pidfd_open" | "pidfd_getfd";

/**
 * Their numbers, for each kind of processor by Node's name for it; test/unit/native/system-calls.test.ts compares them with
 * the kernel's headers. From 424 on all kinds have the same, and a kind that is not here was never tried.
 */
const NUMBERS: Readonly<Record<string, Readonly<Record<SystemCall, number>>>> = {
  x64: { pidfd_open: 434, pidfd_getfd: 438 },
  arm64: { pidfd_open: 434, pidfd_getfd: 438 },
};

/** @throws TproxyError PROCESSOR_UNSUPPORTED */
export function systemCallNumber(call: SystemCall, processor: string = process.arch): number {
  const number = NUMBERS[processor]?.[call];
  if (number !== undefined) return number;
  const known = Object.keys(NUMBERS).join(" and ");
  throw new TproxyError(
    "PROCESSOR_UNSUPPORTED",
    `this is a processor of the kind ${processor}, and the eBPF engine knows ${known} only`,
    { hint: "Use --engine=iptables, which does not depend on it." },
  );
}
