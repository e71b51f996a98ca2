// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet flood: many connections, each of which must reach the proxy with the
 * destination that it asked for, and see that destination as its peer. As fast as
 * they can be made, or so many each second (--rate), until stdin ends at the latest.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tpnet.h"

#define ERRORS 256	/* 0 stands for the end of file */
#define SWEEP_NS 100000000
#define STDIN_EVENT UINT64_MAX	/* in the place of an attempt's number */

struct attempt {
	int fd;		/* -1: free */
	union address to;
	uint64_t deadline;
	size_t used;
	char line[SERVER_LINE];
};

struct flood {
	struct target target;
	long count;
	long parallel;
	long timeout_ms;
	long rate;		/* of a second; 0: no limit */
	bool hold;
	bool stopped;		/* stdin has ended: no more are started */

	int epoll;
	struct attempt *attempts;
	long *free;		/* a stack of the free attempts */
	long in_flight;
	int *held;
	long held_count;
	long alive;

	long right;
	long wrong;
	long wrong_peer;
	long failed;
	long errors[ERRORS];
	char *first_wrong;
	double seconds;
};

static void count_error(struct flood *flood, int error)
{
	flood->errors[error < ERRORS ? error : EIO]++;
}

/* Takes the attempt's socket off the hands of the epoll loop. */
static void release(struct flood *flood, struct attempt *attempt, bool hold)
{
	if (!hold) {
		close(attempt->fd);
	} else {
		if (epoll_ctl(flood->epoll, EPOLL_CTL_DEL, attempt->fd, NULL) < 0)
			die("stop watching a connection");
		flood->held[flood->held_count++] = attempt->fd;
	}
	attempt->fd = -1;
	flood->in_flight--;
	flood->free[flood->parallel - flood->in_flight - 1] = attempt - flood->attempts;
}

static void fail(struct flood *flood, struct attempt *attempt, int error)
{
	flood->failed++;
	count_error(flood, error);
	release(flood, attempt, false);
}

static void start(struct flood *flood)
{
	long slot = flood->free[flood->parallel - flood->in_flight - 1];
	struct attempt *attempt = &flood->attempts[slot];
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint64_t)slot };

	attempt->to = pick_destination(&flood->target);
	attempt->used = 0;
	attempt->deadline = now_ns() + (uint64_t)flood->timeout_ms * 1000000;
	attempt->fd = socket(attempt->to.any.sa_family,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->fd < 0) {
		flood->failed++;
		count_error(flood, errno);
		return;
	}
	flood->in_flight++;
	if (connect(attempt->fd, &attempt->to.any, address_size(&attempt->to)) < 0 &&
	    errno != EINPROGRESS) {
		fail(flood, attempt, errno);
		return;
	}
	/* The server talks first: readable says connected, failed or answered. */
	if (epoll_ctl(flood->epoll, EPOLL_CTL_ADD, attempt->fd, &event) < 0)
		die("watch a connection");
}

/* Cuts the value of "origdst" out of the server's line. */
static const char *find_origdst(char *line)
{
	static const char key[] = "\"origdst\":";
	char *value = strstr(line, key);
	char *end;

	if (!value)
		return line;
	value += sizeof(key) - 1;
	if (*value != '"')
		return "null";
	end = strchr(++value, '"');
	if (end)
		*end = '\0';
	return value;
}

static void note_wrong(struct flood *flood, const char *asked, const char *what,
		       const char *got)
{
	if (!flood->first_wrong &&
	    asprintf(&flood->first_wrong, "asked %s %s %s", asked, what, got) < 0)
		die("note a wrong destination");
}

static void judge(struct flood *flood, struct attempt *attempt)
{
	union address peer;
	socklen_t len = sizeof(peer);
	char asked[ADDRESS_TEXT], got[ADDRESS_TEXT], seen[SERVER_LINE];
	bool right, right_peer;

	if (getpeername(attempt->fd, &peer.any, &len) < 0) {
		fail(flood, attempt, errno);
		return;
	}
	strip_scope((char *)format_address(&attempt->to, asked));
	strip_scope((char *)format_address(&peer, got));
	strcpy(seen, find_origdst(attempt->line));
	strip_scope(seen);
	right = strcmp(asked, seen) == 0;
	right_peer = strcmp(asked, got) == 0;
	if (!right)
		note_wrong(flood, asked, "got", seen);
	if (!right_peer)
		note_wrong(flood, asked, "got the peer", got);
	flood->right += right && right_peer;
	flood->wrong += !right;
	flood->wrong_peer += !right_peer;
	release(flood, attempt, flood->hold);
}

static void receive(struct flood *flood, struct attempt *attempt)
{
	char *end;
	ssize_t len = recv(attempt->fd, attempt->line + attempt->used,
			   sizeof(attempt->line) - 1 - attempt->used, 0);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		fail(flood, attempt, len < 0 ? errno : 0);
		return;
	}
	attempt->used += (size_t)len;
	attempt->line[attempt->used] = '\0';
	end = strchr(attempt->line, '\n');
	if (end) {
		*end = '\0';
		judge(flood, attempt);
	} else if (attempt->used == sizeof(attempt->line) - 1) {
		fail(flood, attempt, EMSGSIZE);
	}
}

static void expire(struct flood *flood, uint64_t now)
{
	for (long i = 0; i < flood->parallel; i++)
		if (flood->attempts[i].fd >= 0 && flood->attempts[i].deadline <= now)
			fail(flood, &flood->attempts[i], ETIMEDOUT);
}

/* How many may have been started by now. What is late is made up for. */
static long due(const struct flood *flood, uint64_t begin)
{
	long paced;

	if (!flood->rate)
		return flood->count;
	paced = (long)((double)(now_ns() - begin) / 1e9 * (double)flood->rate) + 1;
	return paced < flood->count ? paced : flood->count;
}

static void watch_stdin(struct flood *flood)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = STDIN_EVENT };

	if (epoll_ctl(flood->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
		die("watch stdin");
}

static void stop(struct flood *flood)
{
	flood->stopped = true;
	if (epoll_ctl(flood->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL) < 0)
		die("stop watching stdin");
}

static void open_all(struct flood *flood)
{
	struct epoll_event events[512];
	uint64_t begin = now_ns(), swept = begin;
	long started = 0;

	if (flood->rate)
		watch_stdin(flood);
	while ((started < flood->count && !flood->stopped) || flood->in_flight > 0) {
		long limit = flood->stopped ? started : due(flood, begin);
		int ready;

		for (; started < limit && flood->in_flight < flood->parallel; started++)
			start(flood);
		ready = epoll_wait(flood->epoll, events, 512, flood->rate ? 1 : 100);
		if (ready < 0 && errno != EINTR)
			die("wait for connections");
		for (int i = 0; i < ready; i++) {
			if (events[i].data.u64 == STDIN_EVENT)
				stop(flood);
			else
				receive(flood, &flood->attempts[events[i].data.u64]);
		}
		if (now_ns() - swept >= SWEEP_NS) {
			swept = now_ns();
			expire(flood, swept);
		}
	}
	flood->count = started;
	flood->seconds = (double)(now_ns() - begin) / 1e9;
}

/* Every held connection gets a byte before any is read: all must be alive. */
static void check_alive(struct flood *flood)
{
	uint64_t deadline = now_ns() + (uint64_t)flood->timeout_ms * 1000000;

	for (long i = 0; i < flood->held_count; i++)
		if (send(flood->held[i], "e", 1, MSG_NOSIGNAL) < 0) {
			count_error(flood, errno);
			close(flood->held[i]);
			flood->held[i] = -1;
		}
	for (long i = 0; i < flood->held_count; i++) {
		struct pollfd watched = { .fd = flood->held[i], .events = POLLIN };
		uint64_t now = now_ns();
		char byte = 0;
		ssize_t len;

		if (watched.fd < 0)
			continue;
		if (poll(&watched, 1, now < deadline ? (int)((deadline - now) / 1000000) : 0) < 0)
			die("wait for an echo");
		len = recv(watched.fd, &byte, 1, 0);
		if (len == 1 && byte == 'e')
			flood->alive++;
		else
			count_error(flood, len == 0 ? 0 : len > 0 ? EBADMSG :
				    errno == EAGAIN ? ETIMEDOUT : errno);
		close(watched.fd);
	}
}

static void print_errors(const struct flood *flood)
{
	const char *comma = "";

	putchar('{');
	for (int i = 0; i < ERRORS; i++) {
		const char *name = i ? strerrorname_np(i) : "EOF";

		if (!flood->errors[i])
			continue;
		printf("%s\"%s\":%ld", comma, name ? name : "unknown", flood->errors[i]);
		comma = ",";
	}
	putchar('}');
}

/* The fields in front differ: {"count", {"open" while held, "alive" at last. */
static void print_state(const struct flood *flood, bool open, bool alive)
{
	putchar('{');
	if (open)
		printf("\"open\":%ld,", flood->held_count);
	if (alive)
		printf("\"alive\":%ld,", flood->alive);
	printf("\"count\":%ld,\"right\":%ld,\"wrong\":%ld,\"wrong_peer\":%ld,\"failed\":%ld,\"errors\":",
	       flood->count, flood->right, flood->wrong, flood->wrong_peer, flood->failed);
	print_errors(flood);
	printf(",\"seconds\":%.3f,\"first_wrong\":", flood->seconds);
	if (flood->first_wrong)
		json_string(stdout, flood->first_wrong);
	else
		fputs("null", stdout);
	puts("}");
	flush_output();
}

static void wait_for_end_of_stdin(void)
{
	char ignored[256];
	ssize_t len;

	do
		len = read(STDIN_FILENO, ignored, sizeof(ignored));
	while (len > 0 || (len < 0 && errno == EINTR));
	if (len < 0)
		die("read stdin");
}

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "to-net", required_argument, NULL, 'n' },
	{ "ports", required_argument, NULL, 'p' },
	{ "count", required_argument, NULL, 'c' },
	{ "parallel", required_argument, NULL, 'k' },
	{ "hold", no_argument, NULL, 'h' },
	{ "rate", required_argument, NULL, 'r' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "seed", required_argument, NULL, 's' },
	{ 0 },
};

static struct flood read_arguments(int argc, char **argv)
{
	struct flood flood = {
		.target = { .prefix_len = -1, .random = 1 },
		.timeout_ms = 10000,
	};
	bool to = false, net = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': flood.target.to = parse_address(optarg, true); to = true; break;
		case 'n': parse_net(&flood.target, optarg); net = true; break;
		case 'p': parse_ports(&flood.target, optarg); break;
		case 'c': flood.count = parse_number(optarg, 1, 100000000, "--count"); break;
		case 'k': flood.parallel = parse_number(optarg, 1, 1000000, "--parallel"); break;
		case 'h': flood.hold = true; break;
		case 'r': flood.rate = parse_number(optarg, 1, 1000000, "--rate"); break;
		case 'w': flood.timeout_ms = parse_number(optarg, 1, 3600000, "--timeout"); break;
		/* 0 would stay 0 for ever */
		case 's': flood.target.random = (uint64_t)parse_number(optarg, 1, INT64_MAX, "--seed"); break;
		default: exit(1);
		}
	}
	if (optind < argc || to == net || net != (flood.target.first_port > 0) ||
	    !flood.count || !flood.parallel)
		usage("flood: needed: --to ADDR:PORT, or --to-net PREFIX/LEN and --ports LO-HI; --count N; --parallel K");
	return flood;
}

static void prepare(struct flood *flood)
{
	raise_file_limit();
	if (flood->parallel > flood->count)
		flood->parallel = flood->count;
	flood->attempts = allocate((size_t)flood->parallel, sizeof(*flood->attempts));
	flood->free = allocate((size_t)flood->parallel, sizeof(*flood->free));
	flood->held = allocate(flood->hold ? (size_t)flood->count : 1, sizeof(*flood->held));
	for (long i = 0; i < flood->parallel; i++) {
		flood->attempts[i].fd = -1;
		flood->free[i] = i;
	}
	flood->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (flood->epoll < 0)
		die("make an epoll");
}

int flood_command(int argc, char **argv)
{
	struct flood flood = read_arguments(argc, argv);

	prepare(&flood);
	open_all(&flood);
	if (flood.hold) {
		print_state(&flood, true, false);
		wait_for_end_of_stdin();
		check_alive(&flood);
	}
	print_state(&flood, flood.hold, flood.hold);
	return flood.right == flood.count && (!flood.hold || flood.alive == flood.count) ? 0 : 1;
}
