// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet serve: tells every client where its connection was going, as the
 * proxy would see it, then echoes. One epoll loop; a connection that owes
 * nothing costs 32 bytes, so that 20 000 of them are cheap.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tpnet.h"

#define MAX_LISTENERS 1024
/* linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h */
#define ORIGINAL_DST 80

struct endpoint {
	int fd;
	bool listens;
};

struct listener {
	struct endpoint endpoint;	/* must be first */
	char text[ADDRESS_TEXT];
};

struct connection {
	struct endpoint endpoint;	/* must be first */
	bool close_when_sent;
	uint32_t unsent_from;
	uint32_t unsent_len;
	char *unsent;	/* allocated only while something is unsent */
};

struct server {
	int epoll;
	long sockets_each;	/* 0: one socket without SO_REUSEPORT */
	long backlog;
	bool dual;
	bool quiet_origdst;
	bool close_first;
	bool log;
	bool roomy;
	bool paused;		/* out of files: not accepting */
	size_t connections;
	size_t listeners;
	struct listener listener[MAX_LISTENERS];
};

static struct server server = { .backlog = 4096 };
static char scratch[65536];

static void watch(int operation, struct endpoint *endpoint, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = endpoint };

	if (epoll_ctl(server.epoll, operation, endpoint->fd, &event) < 0)
		die("watch a socket");
}

static void set_option(int fd, int level, int option, int value, const char *name)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		die("set %s", name);
}

static void listen_on(const union address *address, const char *text)
{
	struct listener *listener = &server.listener[server.listeners];
	union address bound = *address;
	socklen_t len = sizeof(bound);
	int fd;

	if (server.listeners++ == MAX_LISTENERS)
		usage("more than %d listeners", MAX_LISTENERS);
	fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("make a socket for %s", text);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	if (server.sockets_each)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
	if (address->any.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !server.dual, "IPV6_V6ONLY");
	if (bind(fd, &address->any, address_size(address)) < 0)
		die("bind to %s", text);
	if (listen(fd, (int)server.backlog) < 0)
		die("listen on %s", text);
	if (getsockname(fd, &bound.any, &len) < 0)
		die("getsockname of %s", text);
	format_address(&bound, listener->text);
	listener->endpoint = (struct endpoint){ .fd = fd, .listens = true };
	watch(EPOLL_CTL_ADD, &listener->endpoint, EPOLLIN);
}

static void watch_listeners(uint32_t events)
{
	for (size_t i = 0; i < server.listeners; i++)
		watch(EPOLL_CTL_MOD, &server.listener[i].endpoint, events);
}

static void drop(struct connection *connection)
{
	close(connection->endpoint.fd);
	free(connection->unsent);
	free(connection);
	server.connections--;
	if (server.paused) {
		server.paused = false;
		watch_listeners(EPOLLIN);
	}
}

/* Keeps what the socket does not take; reading pauses until it is gone. */
static void keep_unsent(struct connection *connection, const char *data, size_t len)
{
	connection->unsent = allocate(1, len);
	memcpy(connection->unsent, data, len);
	connection->unsent_from = 0;
	connection->unsent_len = (uint32_t)len;
	watch(EPOLL_CTL_MOD, &connection->endpoint, EPOLLOUT);
}

/* False: the connection broke and is gone. */
static bool send_or_keep(struct connection *connection, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(connection->endpoint.fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			keep_unsent(connection, data, len);
			return true;
		}
		if (sent < 0) {
			complain("send on connection %d", connection->endpoint.fd);
			drop(connection);
			return false;
		}
		data += sent;
		len -= (size_t)sent;
	}
	return true;
}

static void continue_sending(struct connection *connection)
{
	ssize_t sent = send(connection->endpoint.fd,
			    connection->unsent + connection->unsent_from,
			    connection->unsent_len, MSG_NOSIGNAL);

	if (sent < 0 && errno == EAGAIN)
		return;
	if (sent < 0) {
		complain("send on connection %d", connection->endpoint.fd);
		drop(connection);
		return;
	}
	connection->unsent_from += (uint32_t)sent;
	connection->unsent_len -= (uint32_t)sent;
	if (connection->unsent_len > 0)
		return;
	if (connection->close_when_sent) {
		drop(connection);
		return;
	}
	free(connection->unsent);
	connection->unsent = NULL;
	watch(EPOLL_CTL_MOD, &connection->endpoint, EPOLLIN);
}

static void echo(struct connection *connection)
{
	ssize_t len = recv(connection->endpoint.fd, scratch, sizeof(scratch), 0);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len < 0)
		complain("receive on connection %d", connection->endpoint.fd);
	if (len <= 0)
		drop(connection);
	else
		send_or_keep(connection, scratch, (size_t)len);
}

static void quote(const union address *address, bool known, char text[ADDRESS_TEXT + 2])
{
	char plain[ADDRESS_TEXT];

	if (known)
		snprintf(text, ADDRESS_TEXT + 2, "\"%s\"", format_address(address, plain));
	else
		snprintf(text, ADDRESS_TEXT + 2, "null");
}

static size_t describe(int fd, const char *listener, const union address *local,
		       const union address *peer, char *line, size_t room)
{
	/* IPv6 too asks at level 0 for a connection that came in by IPv4. */
	bool v6 = peer->any.sa_family == AF_INET6 && !is_mapped(peer);
	/*
	 * The kernel's own answer leaves optlen as it was given: only who asks
	 * with the exact size gets the same optlen from every engine.
	 */
	socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	union {
		union address address;
		struct sockaddr_storage room;
	} original = { 0 };
	char origdst[ADDRESS_TEXT + 2], local_text[ADDRESS_TEXT], peer_text[ADDRESS_TEXT];
	bool known = false;
	int error = 0;

	if (server.quiet_origdst) {
		len = 0;
	} else {
		if (server.roomy)
			len = sizeof(original);
		known = getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, ORIGINAL_DST,
				   &original, &len) == 0;
		error = known ? 0 : errno;
	}
	quote(&original.address, known, origdst);
	return (size_t)snprintf(line, room,
		"{\"listener\":\"%s\",\"origdst\":%s,\"errno\":%d,\"optlen\":%u,"
		"\"local\":\"%s\",\"peer\":\"%s\"}\n", listener, origdst, error, len,
		format_address(local, local_text), format_address(peer, peer_text));
}

static void greet(struct connection *connection, const struct listener *listener)
{
	int fd = connection->endpoint.fd;
	union address local, peer;
	socklen_t local_len = sizeof(local), peer_len = sizeof(peer);
	char line[SERVER_LINE];
	size_t len;

	/* The client may have reset it already: its loss, not the server's. */
	if (getsockname(fd, &local.any, &local_len) < 0 ||
	    getpeername(fd, &peer.any, &peer_len) < 0) {
		complain("name the ends of connection %d", fd);
		drop(connection);
		return;
	}
	len = describe(fd, listener->text, &local, &peer, line, sizeof(line));
	if (server.log) {
		fputs(line, stdout);
		flush_output();
	}
	connection->close_when_sent = server.close_first;
	if (send_or_keep(connection, line, len) && server.close_first &&
	    !connection->unsent)
		drop(connection);
}

/*
 * Out of files the listener stays readable: the loop would spin and fill
 * stderr. Wait until a connection closes.
 */
static void pause_accepting(void)
{
	complain("accept, with %zu connections open", server.connections);
	if (server.connections == 0)
		exit(1);
	server.paused = true;
	watch_listeners(0);
}

static void accept_all(struct listener *listener)
{
	for (;;) {
		struct connection *connection;
		int fd = accept4(listener->endpoint.fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			pause_accepting();
			return;
		}
		if (fd < 0 && (errno == EBADF || errno == EINVAL || errno == ENOTSOCK))
			die("accept on %s", listener->text);
		if (fd < 0) {
			/* accept also reports what befell the new connection */
			complain("accept on %s", listener->text);
			return;
		}
		connection = allocate(1, sizeof(*connection));
		connection->endpoint.fd = fd;
		server.connections++;
		watch(EPOLL_CTL_ADD, &connection->endpoint, EPOLLIN);
		greet(connection, listener);
	}
}

static void dispatch(struct endpoint *endpoint)
{
	struct connection *connection = (struct connection *)endpoint;

	if (endpoint->listens)
		accept_all((struct listener *)endpoint);
	else if (connection->unsent)
		continue_sending(connection);
	else
		echo(connection);
}

static void serve(void)
{
	struct epoll_event events[512];

	for (;;) {
		int ready = epoll_wait(server.epoll, events, 512, -1);

		if (ready < 0 && errno != EINTR)
			die("wait for events");
		for (int i = 0; i < ready; i++)
			dispatch(events[i].data.ptr);
	}
}

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static void leave_on(int signal)
{
	struct sigaction action = { .sa_handler = leave };

	if (sigaction(signal, &action, NULL) < 0)
		die("handle signal %d", signal);
}

static const struct option options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "reuseport", required_argument, NULL, 'r' },
	{ "dual", no_argument, NULL, 'd' },
	{ "backlog", required_argument, NULL, 'b' },
	{ "quiet-origdst", no_argument, NULL, 'q' },
	{ "close-first", no_argument, NULL, 'c' },
	{ "log", no_argument, NULL, 'v' },
	{ "roomy", no_argument, NULL, 's' },
	{ 0 },
};

int serve_command(int argc, char **argv)
{
	const char *listen_texts[MAX_LISTENERS];
	size_t listens = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			if (listens == MAX_LISTENERS)
				usage("more than %d listeners", MAX_LISTENERS);
			listen_texts[listens++] = optarg;
			break;
		case 'r': server.sockets_each = parse_number(optarg, 1, MAX_LISTENERS, "--reuseport"); break;
		case 'd': server.dual = true; break;
		case 'b': server.backlog = parse_number(optarg, 0, INT32_MAX, "--backlog"); break;
		case 'q': server.quiet_origdst = true; break;
		case 'c': server.close_first = true; break;
		case 'v': server.log = true; break;
		case 's': server.roomy = true; break;
		default: return 1;
		}
	}
	if (listens == 0 || optind < argc)
		usage("serve: --listen ADDR:PORT is needed, and nothing but options");

	raise_file_limit();
	leave_on(SIGTERM);
	leave_on(SIGINT);
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll < 0)
		die("make an epoll");
	for (size_t i = 0; i < listens; i++) {
		union address address = parse_address(listen_texts[i], true);

		for (long copy = 0; copy < (server.sockets_each ? server.sockets_each : 1); copy++)
			listen_on(&address, listen_texts[i]);
	}
	puts("ready");
	flush_output();
	serve();
	return 0;
}
