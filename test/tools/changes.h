/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.c: which system calls change something, for kill-at.
 */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct call {
	pid_t thread;
	pid_t process;
	bool of_command;	/* not of a program that the command started */
	uint64_t number;
	uint64_t args[6];
};

struct change {
	/* what it does may outlive the process */
	bool lasting;
	char what[512];
};

/* A seccomp filter for this process and all that it starts: the tracer sees each call that may change something. */
void stop_at_changes(void);
/* Before the command: what is there by now belongs to somebody. */
void remember_what_is_there(void);
/* The thread is stopped before the call. False: it changes nothing. */
bool is_change(const struct call *call, struct change *change);

#endif
