// SPDX-License-Identifier: Apache-2.0
/*
 * traffic serve: one connection at a time, as its first message wishes. Nothing
 * but the connection that is measured is there, so it need not be shared out.
 */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define MAX_LISTENERS 16
/* linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h */
#define ORIGINAL_DST 80

static char buffer[LARGEST];

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
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0) ||
	    /* Accepted sockets inherit it: no answer waits for another. */
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0)
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

static void echo(int fd, size_t size)
{
	while (receive_all(fd, buffer, size))
		send_all(fd, buffer, size);
}

static void sink(int fd, uint64_t bytes)
{
	while (bytes > 0) {
		ssize_t length = recv(fd, buffer, sizeof(buffer), 0);

		if (length <= 0)
			return;
		bytes -= (uint64_t)length < bytes ? (uint64_t)length : bytes;
	}
	send_all(fd, "", 1);
}

static void fulfil(int fd, const struct request *request)
{
	uint64_t usage;

	switch (request->wish) {
	case WISH_ECHO:
		if (request->size > 0 && request->size <= sizeof(buffer))
			echo(fd, request->size);
		break;
	case WISH_SINK:
		sink(fd, request->bytes);
		break;
	case WISH_USAGE:
		usage = processor_ns();
		send_all(fd, &usage, sizeof(usage));
		break;
	}
}

static void serve_one(int listener)
{
	char message[MESSAGE];
	struct request request;
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int fd = accept4(listener, (void *)&peer, &length, SOCK_CLOEXEC);
	char kind;

	if (fd < 0)
		err(1, "accept");
	kind = kind_of(fd, &peer);
	if (receive_all(fd, message, MESSAGE)) {
		memcpy(&request, message, sizeof(request));
		memset(message, kind, MESSAGE);
		send_all(fd, message, MESSAGE);
		fulfil(fd, &request);
	}
	/* The client ends with a reset, which is an error here and all right. */
	if (recv(fd, message, MESSAGE, 0) < 0 && errno != ECONNRESET)
		warn("wait for the end");
	close(fd);
}

_Noreturn void serve_command(char **ports, int count)
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
