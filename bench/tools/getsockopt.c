// SPDX-License-Identifier: Apache-2.0
/*
 * traffic getsockopt: how long a call takes that has nothing to do with any
 * proxy. One is too short for the clock: a time is that of a batch.
 */
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

static uint64_t time_batch(int fd, long batch)
{
	uint64_t begin = now_ns();

	for (long i = 0; i < batch; i++) {
		int value;
		socklen_t length = sizeof(value);

		if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &length) < 0)
			err(1, "read SO_RCVBUF");
	}
	return now_ns() - begin;
}

void getsockopt_command(char **args)
{
	long count = parse_number(args[0], 1000000);
	long batch = parse_number(args[1], 1000000);
	uint64_t *times = calloc((size_t)count, sizeof(*times));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!times || fd < 0)
		err(1, "make a socket, and room for %ld times", count);
	for (long i = 0; i < count; i++)
		times[i] = time_batch(fd, batch);
	printf("{\"batch\":%ld", batch);
	print_times("getsockopt", times, count);
	puts("}");
	close(fd);
	free(times);
}
