// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "older.h"

#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 32)

struct name {
	int number;
	const char *name;
};

#define ERROR(number) { number, #number }
#define SIGNAL(name) { SIG##name, #name }

static const struct name errors[] = {
	ERROR(EPERM), ERROR(ENOENT), ERROR(EINTR), ERROR(EIO), ERROR(EBADF), ERROR(EAGAIN),
	ERROR(ENOMEM), ERROR(EACCES), ERROR(EFAULT), ERROR(ENODEV), ERROR(EINVAL), ERROR(ENFILE),
	ERROR(EMFILE), ERROR(EPIPE), ERROR(EPROTO), ERROR(EDESTADDRREQ), ERROR(EMSGSIZE),
	ERROR(ENOPROTOOPT), ERROR(EPROTONOSUPPORT), ERROR(EOPNOTSUPP), ERROR(EAFNOSUPPORT),
	ERROR(EADDRINUSE), ERROR(EADDRNOTAVAIL), ERROR(ENETDOWN), ERROR(ENETUNREACH),
	ERROR(ECONNABORTED), ERROR(ECONNRESET), ERROR(ENOBUFS), ERROR(EISCONN), ERROR(ENOTCONN),
	ERROR(ETIMEDOUT), ERROR(ECONNREFUSED), ERROR(EHOSTUNREACH), ERROR(EALREADY),
	ERROR(EINPROGRESS),
};

static const struct name signals[] = {
	SIGNAL(HUP), SIGNAL(INT), SIGNAL(QUIT), SIGNAL(KILL), SIGNAL(TERM), SIGNAL(STOP),
	SIGNAL(CONT), SIGNAL(USR1), SIGNAL(USR2),
};

#define FIND(names, number)							\
	({									\
		const char *found_ = NULL;					\
		for (size_t i_ = 0; i_ < sizeof(names) / sizeof((names)[0]); i_++) \
			if ((names)[i_].number == (number))			\
				found_ = (names)[i_].name;			\
		found_;								\
	})

const char *strerrorname_np(int number)
{
	return FIND(errors, number);
}

const char *sigabbrev_np(int number)
{
	return FIND(signals, number);
}

#endif
