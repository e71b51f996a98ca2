// SPDX-License-Identifier: Apache-2.0
/* traffic echo and traffic stream: what a connection carries once it is there. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "traffic.h"

static char buffer[LARGEST];

/* A time is that of so many: one round trip alone is too short for it. */
#define BATCH_TRIPS 50

static uint64_t *allocate_times(long count)
{
	uint64_t *times = calloc((size_t)count, sizeof(*times));

	if (!times)
		err(1, "make room for %ld times", count);
	return times;
}

static void print_result(const char *name, uint64_t *times, long count, long batch, char kind)
{
	printf("{\"intercepted\":%d,\"batch\":%ld", kind == INTERCEPTED, batch);
	print_times(name, times, count);
	puts("}");
	free(times);
}

static void make_round_trips(int fd, size_t size)
{
	for (int i = 0; i < BATCH_TRIPS; i++) {
		send_all(fd, buffer, size);
		if (!receive_all(fd, buffer, size))
			errx(1, "the connection ended before the last round trip");
	}
}

void echo_command(char **args)
{
	struct addrinfo *to = resolve(args[0], args[1]);
	size_t size = (size_t)parse_number(args[2], LARGEST);
	long batches = parse_number(args[3], 1000000);
	uint64_t *times = allocate_times(batches);
	char kind;
	int fd = open_connection(to, WISH_ECHO, (uint32_t)size, 0, &kind);

	for (long i = 0; i < batches; i++) {
		uint64_t begin = now_ns();

		make_round_trips(fd, size);
		times[i] = now_ns() - begin;
	}
	print_result("echo", times, batches, BATCH_TRIPS, kind);
	close(fd);
	freeaddrinfo(to);
}

/* One time for all of it: what is sent at once goes into buffers first. */
void stream_command(char **args)
{
	struct addrinfo *to = resolve(args[0], args[1]);
	size_t size = (size_t)parse_number(args[2], LARGEST);
	long writes = parse_number(args[3], 100000000);
	uint64_t *times = allocate_times(1);
	uint64_t begin;
	char kind;
	int fd = open_connection(to, WISH_SINK, 0, (uint64_t)writes * size, &kind);

	begin = now_ns();
	for (long i = 0; i < writes; i++)
		send_all(fd, buffer, size);
	if (!receive_all(fd, buffer, 1))
		errx(1, "the server did not take all of it");
	times[0] = now_ns() - begin;
	print_result("stream", times, 1, writes, kind);
	close(fd);
	freeaddrinfo(to);
}
