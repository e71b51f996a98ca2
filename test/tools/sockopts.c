// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet sockopts: what getsockopt answers, in a form that can be compared: run
 * it with and without the proxy's getsockopt hook, and diff. The hook must
 * change nothing but the one option that it is there for.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpnet.h"

#define BUFFER 65536
/* Behind the length that the kernel was told: nobody may write there. */
#define GUARD 64
#define FILL 0xa5

static const int levels[] = { 0, 1, 6, 41, 17, 255, 263 };
static const int lengths[] = { 0, 1, 4, 8, 16, 28, 64, 4095, 4096, 4097, BUFFER };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The answers that differ from run to run by their nature. */
static const struct left_out {
	int level;
	int option;
	bool connected_only;	/* still deterministic on a fresh socket */
	const char *name;
	const char *reason;
} left_out[] = {
	{ 1, 57, false, "SO_COOKIE", "a number that every socket gets anew" },
	{ 6, 11, false, "TCP_INFO", "times since the last events, on any socket" },
	{ 6, 24, false, "TCP_TIMESTAMP", "a clock" },
	{ 0, 52, true, "IP_PROTOCOL", "answers the local port, which is ephemeral" },
	{ 1, 28, true, "SO_PEERNAME", "the peer's port is ephemeral" },
	{ 1, 49, true, "SO_INCOMING_CPU", "the CPU that the last packet came by" },
	{ 6, 26, true, "TCP_CC_INFO", "the congestion control's measurements" },
};

static const struct left_out *find_left_out(int level, int option, bool connected)
{
	for (size_t i = 0; i < COUNT(left_out); i++)
		if (left_out[i].level == level && left_out[i].option == option &&
		    (connected || !left_out[i].connected_only))
			return &left_out[i];
	return NULL;
}

static uint64_t fnv(const unsigned char *bytes, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

static void probe(const char *kind, int fd, int level, int option, int len)
{
	static unsigned char buffer[BUFFER + GUARD];
	socklen_t optlen = (socklen_t)len;
	const char *error = "0";
	int ret;

	memset(buffer, FILL, sizeof(buffer));
	ret = getsockopt(fd, level, option, buffer, &optlen);
	if (ret < 0) {
		error = strerrorname_np(errno);
		/* some are the kernel's own, such as 524, ENOTSUPP */
		if (!error)
			error = "unknown";
	}
	printf("%s %d %d %d -> %d %s %u %016lx\n", kind, level, option, len, ret,
	       error, optlen, fnv(buffer, (size_t)len + GUARD));
}

static void probe_socket(const char *kind, int fd, bool connected)
{
	for (size_t level = 0; level < COUNT(levels); level++)
		for (int option = 0; option < 256; option++) {
			if (find_left_out(levels[level], option, connected))
				continue;
			for (size_t len = 0; len < COUNT(lengths); len++)
				probe(kind, fd, levels[level], option, lengths[len]);
		}
	flush_output();
}

static void probe_fresh(const char *kind, int domain, int type)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("make a %s socket", kind);
	probe_socket(kind, fd, false);
	close(fd);
}

static void probe_connected(const union address *to)
{
	struct client client = { .to = *to, .timeout_ms = 3000 };
	struct result result;
	int fd = client_open(&client, &result);

	/* The line is read, so that nothing arrives between two probes. */
	if (fd < 0 || !client_read_line(fd, &result)) {
		print_result(stderr, &result);
		fputc('\n', stderr);
		usage("sockopts: no connection to probe");
	}
	probe_socket("connected", fd, true);
	close(fd);
}

static int listen_on_loopback(union address *address, const char *kind)
{
	socklen_t len = sizeof(*address);
	int off = 0;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("make a listener for %s", kind);
	if (address->any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		die("clear IPV6_V6ONLY");
	if (bind(fd, &address->any, address_size(address)) < 0 || listen(fd, 1) < 0)
		die("listen for %s", kind);
	if (getsockname(fd, &address->any, &len) < 0)
		die("getsockname of the listener for %s", kind);
	return fd;
}

/* The proxy's side: a socket that was accepted and never intercepted. */
static void probe_accepted(const char *kind, const char *listen_text)
{
	union address address = parse_address(listen_text, true);
	int listener = listen_on_loopback(&address, kind);
	int client = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	if (client < 0)
		die("make a client for %s", kind);
	if (connect(client, &address.any, address_size(&address)) < 0)
		die("connect to %s", kind);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		die("accept %s", kind);
	probe_socket(kind, fd, true);
	close(fd);
	close(client);
	close(listener);
}

/* The largest answer that can be had without netfilter: 64 KiB, 16 pages. */
static void probe_peer_groups(void)
{
	static gid_t groups[BUFFER / sizeof(gid_t)];
	int fds[2];

	for (size_t i = 0; i < COUNT(groups); i++)
		groups[i] = (gid_t)(1000 + i);
	if (setgroups(COUNT(groups), groups) < 0)
		die("join %zu groups", COUNT(groups));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		die("make a pair of sockets");
	for (size_t len = 0; len < COUNT(lengths); len++)
		probe("groups", fds[0], SOL_SOCKET, SO_PEERGROUPS, lengths[len]);
	close(fds[0]);
	close(fds[1]);
}

static void print_left_out(void)
{
	for (size_t i = 0; i < COUNT(left_out); i++)
		printf("# left out%s: %d %d %s: %s\n",
		       left_out[i].connected_only ? " of connected sockets" : "",
		       left_out[i].level, left_out[i].option, left_out[i].name,
		       left_out[i].reason);
}

static const struct option options[] = {
	{ "connected", required_argument, NULL, 'c' },
	{ "accept-from", no_argument, NULL, 'a' },
	{ 0 },
};

int sockopts_command(int argc, char **argv)
{
	union address to = { 0 };
	bool accepted = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c': to = parse_address(optarg, true); break;
		case 'a': accepted = true; break;
		default: return 1;
		}
	}
	if (optind < argc)
		usage("sockopts: '%s' is not an option", argv[optind]);

	print_left_out();
	probe_fresh("tcp4", AF_INET, SOCK_STREAM);
	probe_fresh("tcp6", AF_INET6, SOCK_STREAM);
	probe_fresh("udp4", AF_INET, SOCK_DGRAM);
	probe_fresh("udp6", AF_INET6, SOCK_DGRAM);
	probe_fresh("unix", AF_UNIX, SOCK_STREAM);
	/* needs CAP_SETGID */
	if (geteuid() == 0)
		probe_peer_groups();
	if (to.any.sa_family)
		probe_connected(&to);
	if (accepted) {
		probe_accepted("accepted4", "127.0.0.1:0");
		probe_accepted("accepted6", "[::1]:0");
		probe_accepted("accepted-mapped", "[::ffff:127.0.0.1]:0");
	}
	return 0;
}
