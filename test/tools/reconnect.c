// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet reconnect: one socket, connected to one destination after the other.
 * After a failure it is used again as it is; a connection that stands is
 * dissolved first (connect to AF_UNSPEC).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "tpnet.h"

#define MAX_DESTINATIONS 16

struct request {
	struct client client;
	union address to[MAX_DESTINATIONS];
	size_t destinations;
};

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "from", required_argument, NULL, 'f' },
	{ "nonblock", no_argument, NULL, 'b' },
	{ "timeout", required_argument, NULL, 'w' },
	{ 0 },
};

static void add_destination(struct request *request, const char *text)
{
	union address to = parse_address(text, true);

	if (request->destinations == MAX_DESTINATIONS)
		usage("reconnect: more than %d --to", MAX_DESTINATIONS);
	/* One AF_INET6 socket serves both families. */
	request->client.mapped |= to.any.sa_family == AF_INET6;
	request->to[request->destinations++] = to;
}

static struct request read_arguments(int argc, char **argv)
{
	struct request request = { .client = { .timeout_ms = 3000 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': add_destination(&request, optarg); break;
		case 'f':
			request.client.from = parse_address(optarg, false);
			request.client.has_from = true;
			break;
		case 'b': request.client.nonblock = true; break;
		case 'w': request.client.timeout_ms = parse_number(optarg, 1, 3600000, "--timeout"); break;
		default: exit(1);
		}
	}
	if (optind < argc || request.destinations < 2)
		usage("reconnect: needed: --to ADDR:PORT, at least twice");
	request.client.to = request.to[0];
	return request;
}

static void disconnect(int fd)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	if (connect(fd, &nowhere, sizeof(nowhere)) < 0)
		die("disconnect");
}

int reconnect_command(int argc, char **argv)
{
	struct request request = read_arguments(argc, argv);
	struct result result;
	int fd = client_socket(&request.client, &result);

	if (fd < 0)
		die("make a socket");
	for (size_t i = 0; i < request.destinations; i++) {
		request.client.to = request.to[i];
		if (client_connect(fd, &request.client, &result)) {
			client_read_line(fd, &result);
			disconnect(fd);
		}
		putchar(i == 0 ? '[' : ',');
		print_result(stdout, &result);
	}
	puts("]");
	close(fd);
	return 0;
}
