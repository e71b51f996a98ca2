// SPDX-License-Identifier: Apache-2.0
/* traffic echo and traffic stream: what a connection carries once it is there. */
#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include "traffic.h"

static char buffer[LARGEST];

static void print_result(uint64_t elapsed, char kind)
{
	printf("{\"elapsed\":%lu,\"intercepted\":%d}\n", elapsed, kind == INTERCEPTED);
}

void echo_command(char **args)
{
	struct addrinfo *to = resolve(args[0], args[1]);
	size_t size = (size_t)parse_number(args[2], LARGEST);
	long count = parse_number(args[3], 10000000);
	uint64_t begin;
	char kind;
	int fd = open_connection(to, WISH_ECHO, (uint32_t)size, 0, &kind);

	begin = now_ns();
	for (long i = 0; i < count; i++) {
		send_all(fd, buffer, size);
		if (!receive_all(fd, buffer, size))
			errx(1, "the connection ended after %ld round trips", i);
	}
	print_result(now_ns() - begin, kind);
	close(fd);
	freeaddrinfo(to);
}

void stream_command(char **args)
{
	struct addrinfo *to = resolve(args[0], args[1]);
	size_t size = (size_t)parse_number(args[2], LARGEST);
	uint64_t bytes = (uint64_t)parse_number(args[3], INT64_MAX);
	uint64_t begin;
	char kind;
	int fd = open_connection(to, WISH_SINK, 0, bytes / size * size, &kind);

	begin = now_ns();
	for (uint64_t sent = 0; sent + size <= bytes; sent += size)
		send_all(fd, buffer, size);
	if (!receive_all(fd, buffer, 1))
		errx(1, "the server did not take all of it");
	print_result(now_ns() - begin, kind);
	close(fd);
	freeaddrinfo(to);
}
