// SPDX-License-Identifier: Apache-2.0
import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { systemCallNumber } from "./system-calls.ts";

/** A descriptor that stands for a process (Linux 5.3). */
export function pidfd_open(pid: number): number {
  return check(libc().syscall(systemCallNumber("pidfd_open"), pid, 0, 0), `pidfd_open(${pid})`);
}

/** From linux/prctl.h. */
const PR_SET_NO_NEW_PRIVS = 38;

/** From now on no setuid bit and no file's capabilities give this process, or what it runs, more than it has. */
export function setNoNewPrivileges(): void {
  check(libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)");
}

/** Our own copy of another process's descriptor (Linux 5.6; needs CAP_SYS_PTRACE). */
export function pidfd_getfd(pidfd: number, fd: number): number {
  const copy = libc().syscall(systemCallNumber("pidfd_getfd"), pidfd, fd, 0);
  return check(copy, `pidfd_getfd(pidfd ${pidfd}, ${fd})`);
}
