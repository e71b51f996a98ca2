// SPDX-License-Identifier: Apache-2.0
import { check, ERRNO } from "./errno.ts";
import { libc } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;

/** A second descriptor for the same file, closed on exec. */
export function dup(fd: number): number {
  return check(libc().fcntl(fd, F_DUPFD_CLOEXEC, 0), `dup(fd ${fd})`);
}

export const LOCK = { shared: 1, exclusive: 2, unlock: 8 } as const;

const LOCK_NB = 4;

/** Takes or drops a lock without waiting. False where another process holds it. */
export function flock(fd: number, operation: keyof typeof LOCK): boolean {
  const result = libc().flock(fd, LOCK[operation] | LOCK_NB);
  if (result === -ERRNO.EAGAIN) return false;
  check(result, `flock(fd ${fd}, ${operation})`);
  return true;
}
