// SPDX-License-Identifier: Apache-2.0
/*
 * traffic connect: one connection after the other, each with one request. Of
 * each how long connect() took, how long until the answer was there, and how long
 * from one connection to the next; of all of them the processor time of both ends.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

struct times {
	uint64_t *connect;
	uint64_t *answer;
	uint64_t *cycle;	/* with what the server does at its end, too */
};

static bool connect_once(const struct addrinfo *to, struct times *times, long index)
{
	int fd = make_socket(to);
	uint64_t begin = now_ns();
	char kind;

	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0)
		err(1, "connect");
	times->connect[index] = now_ns() - begin;
	kind = ask(fd, WISH_NOTHING, 0, 0);
	times->answer[index] = now_ns() - begin;
	close(fd);
	return kind == INTERCEPTED;
}

static struct times allocate_times(long count)
{
	struct times times = {
		.connect = calloc((size_t)count, sizeof(uint64_t)),
		.answer = calloc((size_t)count, sizeof(uint64_t)),
		.cycle = calloc((size_t)count, sizeof(uint64_t)),
	};

	if (!times.connect || !times.answer || !times.cycle)
		err(1, "make room for the times of %ld connections", count);
	return times;
}

void connect_command(char **args)
{
	struct addrinfo *to = resolve(args[0], args[1]);
	long count = parse_number(args[2], 10000000);
	struct times times = allocate_times(count);
	uint64_t served = server_processor_ns(to);
	uint64_t used = processor_ns();
	long intercepted = 0;

	for (long i = 0; i < count; i++) {
		uint64_t begin = now_ns();

		intercepted += connect_once(to, &times, i);
		times.cycle[i] = now_ns() - begin;
	}
	used = processor_ns() - used;
	served = server_processor_ns(to) - served;
	printf("{\"intercepted\":%ld,\"clientProcessor\":%lu,\"serverProcessor\":%lu",
	       intercepted, used, served);
	print_times("connect", times.connect, count);
	print_times("answer", times.answer, count);
	print_times("cycle", times.cycle, count);
	puts("}");
	freeaddrinfo(to);
	free(times.connect);
	free(times.answer);
	free(times.cycle);
}
