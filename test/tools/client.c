// SPDX-License-Identifier: Apache-2.0
/*
 * One TCP connection, step by step. The step that fails is the result; nothing
 * here ends the process.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tpnet.h"

static bool failed(struct result *result, const char *stage, int error)
{
	result->stage = stage;
	result->error = error;
	return false;
}

/* 0, or the errno: ETIMEDOUT when the deadline passes first. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd watched = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = now_ns();
		int ready = poll(&watched, 1, now >= deadline ? 0 :
				 (int)((deadline - now + 999999) / 1000000));

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return errno;
		if (ready == 0 && now >= deadline)
			return ETIMEDOUT;
	}
}

static int set_int(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

/* A blocking connect obeys this timeout only. */
static int limit_sending(int fd, long ms)
{
	struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static bool prepare(int fd, const struct client *client, const union address *from,
		    struct result *result)
{
	if (limit_sending(fd, client->timeout_ms) < 0)
		return failed(result, "socket", errno);
	if (client->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, client->device,
					 (socklen_t)strlen(client->device)) < 0)
		return failed(result, "device", errno);
	if (!client->has_from)
		return true;
	/* the same source again, while the last connection is still dying */
	if (address_port(from) && set_int(fd, SO_REUSEADDR) < 0)
		return failed(result, "bind", errno);
	if (bind(fd, &from->any, address_size(from)) < 0)
		return failed(result, "bind", errno);
	return true;
}

static int start_connecting(int fd, const struct client *client, const union address *to)
{
	if (!client->fastopen)
		return connect(fd, &to->any, address_size(to));
	return sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &to->any,
		      address_size(to)) < 0 ? -1 : 0;
}

/* Returns the errno, 0 when connected. */
static int finish_connecting(int fd, const struct client *client, bool started,
			     uint64_t deadline)
{
	socklen_t len = sizeof(int);
	int error;

	if (started && !client->fastopen)
		return 0;
	/* From a blocking socket EINPROGRESS means that SO_SNDTIMEO ran out. */
	if (!started && (errno != EINPROGRESS || !client->nonblock))
		return errno == EINPROGRESS ? ETIMEDOUT : errno;
	/* With a fast-open cookie sendto returns before the handshake is over. */
	error = wait_for(fd, POLLOUT, deadline);
	if (error)
		return error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	/* Without a cookie a non-blocking fast open drops the data. */
	if (!error && !started && client->fastopen && send(fd, "x", 1, MSG_NOSIGNAL) < 0)
		return errno;
	return error;
}

static bool connect_in_time(int fd, const struct client *client, const union address *to,
			    struct result *result)
{
	uint64_t start = now_ns();
	bool started = start_connecting(fd, client, to) == 0;
	int error = finish_connecting(fd, client, started, result->deadline);

	result->ms = (double)(now_ns() - start) / 1e6;
	return error ? failed(result, "connect", error) : true;
}

static bool name_ends(int fd, struct result *result)
{
	socklen_t peer_len = sizeof(result->peer), local_len = sizeof(result->local);

	if (getpeername(fd, &result->peer.any, &peer_len) < 0)
		return failed(result, "getpeername", errno);
	result->has_peer = true;
	if (getsockname(fd, &result->local.any, &local_len) < 0)
		return failed(result, "getsockname", errno);
	result->has_local = true;
	return true;
}

int client_socket(const struct client *client, struct result *result)
{
	union address from = client->from;
	int fd;

	memset(result, 0, sizeof(*result));
	if (client->mapped)
		map_address(&from);
	fd = socket(client->mapped ? AF_INET6 : client->to.any.sa_family,
		    SOCK_STREAM | SOCK_CLOEXEC | (client->nonblock ? SOCK_NONBLOCK : 0),
		    client->mptcp ? IPPROTO_MPTCP : 0);
	if (fd < 0) {
		failed(result, "socket", errno);
		return -1;
	}
	if (prepare(fd, client, &from, result))
		return fd;
	close(fd);
	return -1;
}

bool client_connect(int fd, const struct client *client, struct result *result)
{
	union address to = client->to;

	memset(result, 0, sizeof(*result));
	result->stage = "done";
	result->deadline = now_ns() + (uint64_t)client->timeout_ms * 1000000;
	if (client->mapped)
		map_address(&to);
	return connect_in_time(fd, client, &to, result) && name_ends(fd, result);
}

int client_open(const struct client *client, struct result *result)
{
	int fd = client_socket(client, result);

	if (fd < 0 || client_connect(fd, client, result))
		return fd;
	close(fd);
	return -1;
}

bool client_read_line(int fd, struct result *result)
{
	while (result->line_len < sizeof(result->line) - 1) {
		char *start = result->line + result->line_len;
		int error = wait_for(fd, POLLIN, result->deadline);
		ssize_t len;
		char *end;

		if (error)
			return failed(result, "read", error);
		len = recv(fd, start, sizeof(result->line) - 1 - result->line_len,
			   MSG_DONTWAIT);
		if (len < 0 && errno == EAGAIN)
			continue;
		if (len <= 0)
			return failed(result, "read", len < 0 ? errno : END_OF_FILE);
		end = memchr(start, '\n', (size_t)len);
		result->line_len += (size_t)len;
		if (end) {
			*end = '\0';
			result->whole_line = true;
			return true;
		}
	}
	return failed(result, "read", EMSGSIZE);
}

/* One byte there and back: both directions are alive. */
bool client_echo(int fd, struct result *result)
{
	char byte = 'e';
	ssize_t len;
	int error;

	if (send(fd, &byte, 1, MSG_NOSIGNAL) < 0)
		return failed(result, "echo", errno);
	error = wait_for(fd, POLLIN, result->deadline);
	if (error)
		return failed(result, "echo", error);
	len = recv(fd, &byte, 1, MSG_DONTWAIT);
	if (len <= 0)
		return failed(result, "echo", len < 0 ? errno : END_OF_FILE);
	return byte == 'e' ? true : failed(result, "echo", EBADMSG);
}

/* Our FIN is on its way: until it is acknowledged the port is not free. */
static bool wait_closed(int fd, struct result *result)
{
	static const struct timespec pause = { .tv_nsec = 50000 };

	do {
		struct tcp_info info = { 0 };
		socklen_t len = sizeof(info);

		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
			return failed(result, "close", errno);
		if (info.tcpi_state == 7 /* TCP_CLOSE */)
			return true;
		nanosleep(&pause, NULL);
	} while (now_ns() < result->deadline);
	return failed(result, "close", ETIMEDOUT);
}

/* The server closes first, so that TIME_WAIT is on its side; then we do. */
bool client_wait_end(int fd, struct result *result)
{
	int error = wait_for(fd, POLLIN, result->deadline);
	char byte;
	ssize_t len;

	if (error)
		return failed(result, "close", error);
	len = recv(fd, &byte, 1, MSG_DONTWAIT);
	if (len != 0)
		return failed(result, "close", len < 0 ? errno : EBADMSG);
	if (shutdown(fd, SHUT_WR) < 0)
		return failed(result, "close", errno);
	return wait_closed(fd, result);
}

static const char *error_name(int error)
{
	const char *name = error == END_OF_FILE ? "EOF" : strerrorname_np(error);

	return error == 0 ? "" : name ? name : "unknown";
}

static void print_address(FILE *out, const union address *address, bool known)
{
	char text[ADDRESS_TEXT];

	if (known)
		json_string(out, format_address(address, text));
	else
		fputs("null", out);
}

void print_result(FILE *out, const struct result *result)
{
	fprintf(out, "{\"ok\":%s,\"stage\":\"%s\",\"errno\":%d,\"error\":\"%s\",\"ms\":%.3f,\"peer\":",
		result->error ? "false" : "true", result->stage,
		result->error > 0 ? result->error : 0, error_name(result->error),
		result->ms);
	print_address(out, &result->peer, result->has_peer);
	fputs(",\"local\":", out);
	print_address(out, &result->local, result->has_local);
	fputs(",\"server\":", out);
	/* half a JSON line would spoil this one */
	if (result->whole_line && result->line[0] == '{')
		fputs(result->line, out);
	else if (result->line_len > 0)
		json_string(out, result->line);
	else
		fputs("null", out);
	fputc('}', out);
}
