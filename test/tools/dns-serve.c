// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet dns-serve: answers datagrams of dns-ask, which have nothing of DNS but how
 * they are sent. The answer says which listener it came from.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tpnet.h"

#define MAX_LISTENERS 16

struct held {
	int fd;
	socklen_t peer_len;
	union address peer;
	struct dns_query query;
	const char *listener;
};

static struct {
	struct pollfd polled[MAX_LISTENERS];
	const char *names[MAX_LISTENERS];
	nfds_t count;
	long hold_ms;		/* 0: answer at once */
	bool dual;		/* the listeners that follow take IPv4 as well */
	struct held *held;
	size_t held_count, held_room;
} server;

static void answer(const struct held *held)
{
	static struct dns_answer answer;
	size_t size = ntohl(held->query.size);

	answer.query = held->query;
	snprintf(answer.listener, sizeof(answer.listener), "%s", held->listener);
	if (size < offsetof(struct dns_answer, padding))
		size = offsetof(struct dns_answer, padding);
	if (size > sizeof(answer))
		size = sizeof(answer);
	/* Whoever asked may be gone: its loss. */
	if (sendto(held->fd, &answer, size, 0, &held->peer.any, held->peer_len) < 0)
		complain("answer on %s", held->listener);
}

/* The last one first: answers must be told apart by more than their order. */
static void answer_held(void)
{
	while (server.held_count > 0)
		answer(&server.held[--server.held_count]);
}

static void hold(const struct held *held)
{
	if (server.held_count == server.held_room) {
		server.held_room = server.held_room ? 2 * server.held_room : 1024;
		server.held = realloc(server.held, server.held_room * sizeof(*held));
		if (!server.held)
			die("allocate room for %zu queries", server.held_room);
	}
	server.held[server.held_count++] = *held;
}

static void receive(nfds_t index)
{
	for (;;) {
		struct held held = { .fd = server.polled[index].fd,
				     .peer_len = sizeof(held.peer),
				     .listener = server.names[index] };
		ssize_t len = recvfrom(held.fd, &held.query, sizeof(held.query),
				       MSG_DONTWAIT, &held.peer.any, &held.peer_len);

		/* An error here is what became of an answer. */
		if (len < 0 && errno == EAGAIN)
			return;
		if (len != sizeof(held.query))
			continue;
		if (server.hold_ms)
			hold(&held);
		else
			answer(&held);
	}
}

static void listen_on(const char *text)
{
	union address address = parse_address(text, true);
	int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int alone = !server.dual;

	if (fd < 0)
		die("make a socket for %s", text);
	if (server.count == MAX_LISTENERS)
		usage("more than %d listeners", MAX_LISTENERS);
	if (address.any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone)) < 0)
		die("say whether %s is for IPv6 alone", text);
	if (bind(fd, &address.any, address_size(&address)) < 0)
		die("listen on %s", text);
	server.names[server.count] = text;
	server.polled[server.count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static const struct option options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "hold", required_argument, NULL, 'h' },
	{ "dual", no_argument, NULL, 'd' },
	{ 0 },
};

int dns_serve_command(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l': listen_on(optarg); break;
		case 'd': server.dual = true; break;
		case 'h': server.hold_ms = parse_number(optarg, 1, 60000, "--hold"); break;
		default: return 1;
		}
	}
	if (server.count == 0 || optind < argc)
		usage("dns-serve: --listen ADDR:PORT is needed, and nothing but options");
	puts("ready");
	flush_output();
	for (;;) {
		bool waits = server.held_count > 0;
		int ready = poll(server.polled, server.count, waits ? (int)server.hold_ms : -1);

		if (ready < 0 && errno != EINTR)
			die("wait for queries");
		if (ready == 0)
			answer_held();
		for (nfds_t i = 0; i < server.count; i++)
			if (server.polled[i].revents)
				receive(i);
	}
}
