/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What glibc has from 2.32 on only, and the kernel's headers from 5.6 on: Ubuntu
 * 20.04 is older.
 */
#ifndef OLDER_H
#define OLDER_H

#include <features.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 32)
/* "ECONNREFUSED"; NULL for one that the tools do not meet */
const char *strerrorname_np(int number);
/* "KILL"; NULL for one that no test sends */
const char *sigabbrev_np(int number);

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#endif

/* The same on every architecture from 424 on. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#endif
