// SPDX-License-Identifier: Apache-2.0
import { getSystemErrorName } from "node:util";
import { type ErrorDetails, TproxyError } from "../core/errors.ts";

/** Errno values that the code decides by, as Linux numbers them on every architecture that Node.js runs on. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  ENOSYS: 38,
  ENOLINK: 67,
  ERESTART: 85,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  /** Not for user space, and yet what bpf(2) says to an operation that a map type lacks. */
  ENOTSUPP: 524,
} as const;

/** "EINVAL" for 22. libbpf has numbers of its own from 4000 on. */
export function errnoName(errno: number): string {
  if (errno === ERRNO.ENOTSUPP) return "ENOTSUPP";
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}

/** The error for a system call that failed: `call` says which with what argument. */
export function syscallError(call: string, errno: number, details: ErrorDetails = {}): TproxyError {
  return new TproxyError("SYSCALL_FAILED", `${call}: ${errnoName(errno)}`, { ...details, errno });
}

/** Passes on what a call returned, unless that is `-errno`. */
export function check(result: number, call: string): number {
  if (result < 0) throw syscallError(call, -result);
  return result;
}
