// SPDX-License-Identifier: Apache-2.0
/*
 * run-timed COMMAND ARGUMENT...: what a whole process takes, seen from a small
 * one, as JSON: in nanoseconds the time until its end, and the processor time
 * of it and of those it waited for, which tells something on a machine that is
 * busy with other things, too; in bytes the most memory that it, or one of
 * those, had at a time.
 */
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static uint64_t now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		err(1, "read the clock");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t to_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_usec * 1000;
}

/* Its errors are seen, its output is not. */
static pid_t start(char **command)
{
	posix_spawn_file_actions_t actions;
	pid_t child;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&child, command[0], &actions, NULL, command, environ);
	if (error)
		errx(1, "start %s: %s", command[0], strerror(error));
	return child;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	uint64_t begin;
	int status;
	pid_t child;

	if (argc < 2)
		errx(1, "usage: COMMAND ARGUMENT...");
	begin = now_ns();
	child = start(argv + 1);
	if (wait4(child, &status, 0, &usage) < 0)
		err(1, "wait for %s", argv[1]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "%s ended with the wait status %#x", argv[1], (unsigned int)status);
	printf("{\"elapsed\":%lu,\"cpu\":%lu,\"memory\":%lu}\n", now_ns() - begin,
	       to_ns(&usage.ru_utime) + to_ns(&usage.ru_stime),
	       (uint64_t)usage.ru_maxrss * 1024);
	return 0;
}
