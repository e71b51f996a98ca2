// SPDX-License-Identifier: Apache-2.0
/* A connection of traffic, from the client's end. */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

struct addrinfo *resolve(const char *address, const char *port)
{
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					  .ai_socktype = SOCK_STREAM };
	struct addrinfo *to;
	int error = getaddrinfo(address, port, &numeric, &to);

	if (error)
		errx(1, "%s port %s: %s", address, port, gai_strerror(error));
	return to;
}

int make_socket(const struct addrinfo *to)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0)
		err(1, "make a socket");
	return fd;
}

/* An end that has gone is an error of the client, and none of the server. */
void send_all(int fd, const void *data, size_t size)
{
	while (size > 0) {
		ssize_t length = send(fd, data, size, MSG_NOSIGNAL);

		if (length < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		if (length < 0)
			err(1, "send");
		data = (const char *)data + length;
		size -= (size_t)length;
	}
}

bool receive_all(int fd, void *data, size_t size)
{
	ssize_t length = recv(fd, data, size, MSG_WAITALL);

	if (length < 0 && errno != ECONNRESET)
		err(1, "receive");
	return length == (ssize_t)size;
}

char ask(int fd, char wish, uint32_t size, uint64_t bytes)
{
	const struct request request = { .wish = wish, .size = size, .bytes = bytes };
	char message[MESSAGE] = { 0 };

	memcpy(message, &request, sizeof(request));
	send_all(fd, message, MESSAGE);
	if (!receive_all(fd, message, MESSAGE))
		errx(1, "the connection ended before the answer");
	return message[0];
}

int open_connection(const struct addrinfo *to, char wish, uint32_t size, uint64_t bytes,
		    char *kind)
{
	int fd = make_socket(to);

	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0)
		err(1, "connect");
	*kind = ask(fd, wish, size, bytes);
	return fd;
}

uint64_t server_processor_ns(const struct addrinfo *to)
{
	uint64_t usage;
	char kind;
	int fd = open_connection(to, WISH_USAGE, 0, 0, &kind);

	if (!receive_all(fd, &usage, sizeof(usage)))
		errx(1, "the server did not say what processor time it has used");
	close(fd);
	return usage;
}
