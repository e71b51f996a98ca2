// SPDX-License-Identifier: Apache-2.0
/*
 * connect-time: how long connect() takes, one connection after the other, and
 * the server for it. What is timed holds no process start and no TIME_WAIT.
 *
 *   connect-time serve PORT...
 *   connect-time connect ADDRESS PORT COUNT
 *
 * The server asks for the original destination of each connection, as a proxy
 * does, and says in its answer whether it got one: a benchmark of connections
 * that nobody intercepted would be worth nothing.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 64
#define MAX_LISTENERS 16
/* linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h */
#define ORIGINAL_DST 80

#define INTERCEPTED 'I'
#define DIRECT 'D'

/*
 * Client and server share a processor: waking another one up takes 12 us more
 * when it sleeps, which depends on what else runs here and hides what is looked
 * for. The server is no reason to interrupt the client (SCHED_BATCH), so that a
 * connect() holds nothing but its own work.
 */
#define CPU 0

static void stay_on_one_cpu(int policy)
{
	const struct sched_param priority = { 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(CPU, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		err(1, "stay on processor %d", CPU);
	if (sched_setscheduler(0, policy, &priority) < 0)
		err(1, "set the scheduling policy");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		err(1, "read the clock");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static long parse_number(const char *text, long max)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || *end || number < 1 || number > max)
		errx(1, "'%s' is not a number from 1 to %ld", text, max);
	return number;
}

static int listen_on(int family, in_port_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	if (fd < 0)
		err(1, "make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    (family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0))
		err(1, "set a socket option");
	if (bind(fd, family == AF_INET ? (void *)&v4 : (void *)&v6,
		 family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0)
		err(1, "bind to port %u", port);
	if (listen(fd, SOMAXCONN) < 0)
		err(1, "listen on port %u", port);
	return fd;
}

static char kind_of(int fd, const struct sockaddr_storage *peer)
{
	struct sockaddr_storage original;
	socklen_t length = sizeof(original);
	int level = peer->ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;

	if (getsockopt(fd, level, ORIGINAL_DST, &original, &length) < 0)
		return DIRECT;
	return INTERCEPTED;
}

static void serve_one(int listener)
{
	char message[MESSAGE];
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int fd = accept4(listener, (void *)&peer, &length, SOCK_CLOEXEC);

	if (fd < 0)
		err(1, "accept");
	memset(message, kind_of(fd, &peer), sizeof(message));
	if (recv(fd, (char[MESSAGE]){ 0 }, MESSAGE, MSG_WAITALL) == MESSAGE &&
	    send(fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		warn("answer");
	/* The client ends with a reset, which is an error here and all right. */
	if (recv(fd, message, MESSAGE, 0) < 0 && errno != ECONNRESET)
		warn("wait for the end");
	close(fd);
}

_Noreturn static void serve(char **ports, int count)
{
	struct pollfd listeners[MAX_LISTENERS];
	nfds_t number = 0;

	if (count * 2 > MAX_LISTENERS)
		errx(1, "more than %d ports", MAX_LISTENERS / 2);
	stay_on_one_cpu(SCHED_BATCH);
	for (int i = 0; i < count; i++) {
		in_port_t port = (in_port_t)parse_number(ports[i], 65535);

		listeners[number++] = (struct pollfd){ listen_on(AF_INET, port), POLLIN, 0 };
		listeners[number++] = (struct pollfd){ listen_on(AF_INET6, port), POLLIN, 0 };
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(listeners, number, -1) < 0)
			err(1, "wait for connections");
		for (nfds_t i = 0; i < number; i++)
			if (listeners[i].revents)
				serve_one(listeners[i].fd);
	}
}

/* One connection; returns the nanoseconds of its connect(). */
static uint64_t connect_once(const struct addrinfo *to, char *kind)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char message[MESSAGE] = { 0 };
	uint64_t begin, end;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		err(1, "make a socket");
	begin = now_ns();
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0)
		err(1, "connect");
	end = now_ns();
	if (send(fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		err(1, "send the request");
	if (recv(fd, message, MESSAGE, MSG_WAITALL) != MESSAGE)
		err(1, "receive the answer");
	*kind = message[0];
	close(fd);
	return end - begin;
}

static void time_connects(const char *address, const char *port, long count)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					  .ai_socktype = SOCK_STREAM };
	uint64_t *times = calloc((size_t)count, sizeof(*times));
	long intercepted = 0;
	struct addrinfo *to;
	uint64_t begin, end;
	int error = getaddrinfo(address, port, &numeric, &to);

	if (error)
		errx(1, "%s port %s: %s", address, port, gai_strerror(error));
	if (!times)
		err(1, "make room for %ld times", count);
	stay_on_one_cpu(SCHED_OTHER);
	begin = now_ns();
	for (long i = 0; i < count; i++) {
		char kind;

		times[i] = connect_once(to, &kind);
		intercepted += kind == INTERCEPTED;
	}
	end = now_ns();
	freeaddrinfo(to);
	printf("{\"elapsed\":%lu,\"intercepted\":%ld,\"connect\":[", end - begin, intercepted);
	for (long i = 0; i < count; i++)
		printf("%s%lu", i ? "," : "", times[i]);
	puts("]}");
	free(times);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		serve(argv + 2, argc - 2);
	if (argc != 5 || strcmp(argv[1], "connect") != 0)
		errx(1, "usage: serve PORT... | connect ADDRESS PORT COUNT");
	time_connects(argv[2], argv[3], parse_number(argv[4], 10000000));
	if (fflush(stdout) != 0 || ferror(stdout))
		err(1, "write to stdout");
	return 0;
}
