// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet dns-ask: asks dns-serve the way resolvers ask: from connected sockets, one
 * for each server (glibc, c-ares), or from sockets that ask all of them (musl).
 * All queries are in flight at the same time; lost ones are repeated. With --again
 * the sockets stay: each line of stdin has them ask once more. With --wary an answer
 * counts only if it comes from who was asked.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tpnet.h"

#define MAX_SERVERS 16
#define DNS_PORT 53
#define MAX_LISTENERS 8

/* Read what has come before the sockets' buffers are full. */
#define SENDS_AT_ONCE 32

struct query {
	int fd;
	int server;
	bool done;
};

static struct {
	union address servers[MAX_SERVERS];
	union address from;
	bool has_from, mapped, connected, again, wary;
	int server_count;
	long sockets, each, size, timeout_ms, repeat_ms, connect_uid;
	const char *device;
	struct query *queries;
	uint32_t asked, answered, strangers;
	int epoll, error;
	size_t smallest;
	char peer[ADDRESS_TEXT], local[ADDRESS_TEXT];
	char listeners[MAX_LISTENERS][ADDRESS_TEXT];
	size_t listener_count;
} ask = { .sockets = 1, .each = 1, .size = 0, .timeout_ms = 5000, .repeat_ms = 500,
	  .connect_uid = -1, .smallest = SIZE_MAX };

static int open_socket(const union address *to)
{
	int family = ask.mapped ? AF_INET6 : to->any.sa_family;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("make a socket");
	if (ask.device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ask.device,
				     (socklen_t)strlen(ask.device)) < 0)
		die("bind a socket to the device %s", ask.device);
	if (ask.has_from && bind(fd, &ask.from.any, address_size(&ask.from)) < 0)
		die("bind a socket");
	return fd;
}

static void name_ends(int fd)
{
	union address address;
	socklen_t len = sizeof(address);

	if (getpeername(fd, &address.any, &len) == 0)
		format_address(&address, ask.peer);
	len = sizeof(address);
	if (getsockname(fd, &address.any, &len) == 0)
		format_address(&address, ask.local);
}

static void add_socket(int fd, int server)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	int first = ask.connected ? server : 0;
	int last = ask.connected ? server : ask.server_count - 1;

	if (epoll_ctl(ask.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("watch a socket");
	for (long i = 0; i < ask.each; i++)
		for (int each = first; each <= last; each++)
			ask.queries[ask.asked++] = (struct query){ .fd = fd, .server = each };
}

/* A socket stays that of the user who made it. */
static void become(uid_t uid)
{
	if (setresuid(uid, uid, uid) < 0)
		die("become user %u", uid);
}

static bool open_sockets(void)
{
	int kinds = ask.connected ? ask.server_count : 1;

	ask.queries = allocate((size_t)(ask.sockets * ask.each * ask.server_count),
			       sizeof(*ask.queries));
	for (long i = 0; i < ask.sockets * kinds; i++) {
		int server = (int)(i % kinds);
		const union address *to = &ask.servers[server];
		int fd = open_socket(to);

		if (ask.connect_uid >= 0)
			become((uid_t)ask.connect_uid);
		if (ask.connected && connect(fd, &to->any, address_size(to)) < 0) {
			ask.error = errno;
			return false;
		}
		if (i == 0 && ask.connected)
			name_ends(fd);
		add_socket(fd, server);
	}
	return true;
}

static void note_listener(const char *listener)
{
	for (size_t i = 0; i < ask.listener_count; i++)
		if (strcmp(ask.listeners[i], listener) == 0)
			return;
	if (ask.listener_count == MAX_LISTENERS)
		die("answers come from more than %d listeners", MAX_LISTENERS);
	snprintf(ask.listeners[ask.listener_count++], ADDRESS_TEXT, "%s", listener);
}

static void take_answer(const struct dns_answer *answer, size_t size, const union address *source)
{
	char is[ADDRESS_TEXT], wanted[ADDRESS_TEXT];
	uint32_t id = ntohl(answer->query.id);
	struct query *query = id < ask.asked ? &ask.queries[id] : NULL;

	if (size < offsetof(struct dns_answer, padding) || !query)
		usage("an answer of %zu bytes to nothing that was asked", size);
	format_address(source, is);
	format_address(&ask.servers[query->server], wanted);
	if (strcmp(is, wanted) != 0) {
		fprintf(stderr, "tpnet: %s was asked, %s answers\n", wanted, is);
		ask.strangers++;
		if (ask.wary)
			return;
	}
	if (query->done)
		return;
	query->done = true;
	ask.answered++;
	if (size < ask.smallest)
		ask.smallest = size;
	note_listener(answer->listener);
}

static void receive(int fd)
{
	for (;;) {
		static struct dns_answer answer;
		union address source = { 0 };
		socklen_t source_len = sizeof(source);
		ssize_t len = recvfrom(fd, &answer, sizeof(answer), 0, &source.any, &source_len);

		if (len < 0 && errno != EAGAIN)
			ask.error = errno;
		if (len < 0)
			return;
		take_answer(&answer, (size_t)len, &source);
	}
}

static void receive_all(long timeout_ms)
{
	struct epoll_event events[256];
	int ready = epoll_wait(ask.epoll, events, 256, (int)timeout_ms);

	if (ready < 0 && errno != EINTR)
		die("wait for answers");
	for (int i = 0; i < ready; i++)
		receive(events[i].data.fd);
}

/* Like glibc: several with one system call. */
static void send_queries(struct query *const *queries, unsigned int count)
{
	struct mmsghdr messages[SENDS_AT_ONCE] = { 0 };
	struct dns_query bodies[SENDS_AT_ONCE];
	struct iovec vectors[SENDS_AT_ONCE];

	for (unsigned int i = 0; i < count; i++) {
		union address *to = &ask.servers[queries[i]->server];

		bodies[i].id = htonl((uint32_t)(queries[i] - ask.queries));
		bodies[i].size = htonl((uint32_t)ask.size);
		vectors[i] = (struct iovec){ &bodies[i], sizeof(bodies[i]) };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = ask.connected ? NULL : to;
		messages[i].msg_hdr.msg_namelen = ask.connected ? 0 : address_size(to);
	}
	if (sendmmsg(queries[0]->fd, messages, count, 0) < 0 && errno != EAGAIN)
		ask.error = errno;
}

static void send_unanswered(void)
{
	struct query *batch[SENDS_AT_ONCE];
	unsigned int count = 0;

	for (uint32_t i = 0; i < ask.asked && !ask.error; i++) {
		struct query *query = &ask.queries[i];

		if (query->done)
			continue;
		if (count > 0 && (count == SENDS_AT_ONCE || batch[0]->fd != query->fd)) {
			send_queries(batch, count);
			receive_all(0);
			count = 0;
		}
		batch[count++] = query;
	}
	if (count > 0)
		send_queries(batch, count);
}

static void ask_all(void)
{
	uint64_t deadline = now_ns() + (uint64_t)ask.timeout_ms * 1000000;

	while (ask.answered < ask.asked && !ask.error && now_ns() < deadline) {
		uint64_t repeat = now_ns() + (uint64_t)ask.repeat_ms * 1000000;

		send_unanswered();
		while (ask.answered < ask.asked && !ask.error && now_ns() < repeat)
			receive_all(50);
	}
	if (ask.answered < ask.asked && !ask.error)
		ask.error = ETIMEDOUT;
}

static void print_text(const char *name, const char *text)
{
	printf("\"%s\":", name);
	if (*text)
		json_string(stdout, text);
	else
		printf("null");
}

static void print_answers(void)
{
	printf("{\"asked\":%u,\"answered\":%u,\"strangers\":%u,\"smallest\":%zu,", ask.asked,
	       ask.answered, ask.strangers, ask.answered ? ask.smallest : 0);
	printf("\"error\":");
	json_string(stdout, ask.error ? strerrorname_np(ask.error) : "");
	printf(",");
	print_text("peer", ask.peer);
	printf(",");
	print_text("local", ask.local);
	printf(",\"listeners\":[");
	for (size_t i = 0; i < ask.listener_count; i++) {
		printf("%s", i ? "," : "");
		json_string(stdout, ask.listeners[i]);
	}
	puts("]}");
	flush_output();
}

/* The same queries from the same sockets, at each line of stdin. */
static void ask_again(void)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin)) {
		for (uint32_t i = 0; i < ask.asked; i++)
			ask.queries[i].done = false;
		ask.answered = ask.strangers = 0;
		ask.error = 0;
		ask.smallest = SIZE_MAX;
		ask.listener_count = 0;
		ask.peer[0] = ask.local[0] = '\0';
		if (ask.connected)
			name_ends(ask.queries[0].fd);
		ask_all();
		print_answers();
	}
}

static void read_servers(char *list)
{
	for (char *text = strtok(list, ","); text; text = strtok(NULL, ",")) {
		union address *server = &ask.servers[ask.server_count++];

		if (ask.server_count > MAX_SERVERS)
			usage("more than %d servers", MAX_SERVERS);
		*server = parse_address(text, false);
		if (!address_port(server)) /* the same place for both families */
			server->v4.sin_port = htons(DNS_PORT);
	}
}

static const struct option options[] = {
	{ "servers", required_argument, NULL, 's' },
	{ "connected", no_argument, NULL, 'c' },
	{ "unconnected", no_argument, NULL, 'u' },
	{ "mapped", no_argument, NULL, 'm' },
	{ "from", required_argument, NULL, 'f' },
	{ "device", required_argument, NULL, 'd' },
	{ "sockets", required_argument, NULL, 'n' },
	{ "each", required_argument, NULL, 'e' },
	{ "size", required_argument, NULL, 'z' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "again", no_argument, NULL, 'a' },
	{ "wary", no_argument, NULL, 'y' },
	{ "connect-uid", required_argument, NULL, 'i' },
	{ 0 },
};

int dns_ask_command(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's': read_servers(optarg); break;
		case 'c': ask.connected = true; break;
		case 'u': ask.connected = false; break;
		case 'm': ask.mapped = true; break;
		case 'f': ask.from = parse_address(optarg, false); ask.has_from = true; break;
		case 'd': ask.device = optarg; break;
		case 'n': ask.sockets = parse_number(optarg, 1, 20000, "--sockets"); break;
		case 'e': ask.each = parse_number(optarg, 1, 20000, "--each"); break;
		case 'z': ask.size = parse_number(optarg, 0, 65000, "--size"); break;
		case 'w': ask.timeout_ms = parse_number(optarg, 1, 600000, "--timeout"); break;
		case 'r': ask.repeat_ms = parse_number(optarg, 1, 600000, "--repeat"); break;
		case 'a': ask.again = true; break;
		case 'y': ask.wary = true; break;
		case 'i': ask.connect_uid = parse_number(optarg, 0, 1L << 31, "--connect-uid"); break;
		default: return 1;
		}
	}
	if (ask.server_count == 0 || optind < argc)
		usage("dns-ask: --servers ADDR[,ADDR] is needed, and nothing but options");
	for (int i = 0; ask.mapped && i < ask.server_count; i++)
		map_address(&ask.servers[i]);
	if (ask.mapped && ask.has_from)
		map_address(&ask.from);
	raise_file_limit();
	ask.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ask.epoll < 0)
		die("make an epoll");
	if (open_sockets())
		ask_all();
	print_answers();
	if (ask.again)
		ask_again();
	return 0;
}
