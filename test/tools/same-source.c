// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that share a source address and port: two at once to different
 * destinations (tpnet reuse-port), and one after the other to the same
 * destination (tpnet timewait).
 */
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "tpnet.h"

struct request {
	struct client client[2];
	size_t destinations;
	long times;
};

static const struct option options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "to", required_argument, NULL, 't' },
	{ "times", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, 'w' },
	{ 0 },
};

static void set_destination(struct request *request, const char *text)
{
	if (request->destinations == 2)
		usage("more than two --to");
	request->client[request->destinations++].to = parse_address(text, true);
}

static struct request read_arguments(int argc, char **argv, size_t destinations)
{
	struct request request = { 0 };
	union address from = { 0 };
	long timeout = 3000;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'f': from = parse_address(optarg, true); break;
		case 't': set_destination(&request, optarg); break;
		case 'n': request.times = parse_number(optarg, 1, 1000000, "--times"); break;
		case 'w': timeout = parse_number(optarg, 1, 3600000, "--timeout"); break;
		default: exit(1);
		}
	}
	if (optind < argc || !address_port(&from) || request.destinations != destinations)
		usage("needed: --from ADDR:PORT and --to ADDR:PORT (%zu of these)", destinations);
	for (size_t i = 0; i < destinations; i++) {
		if (request.client[i].to.any.sa_family != from.any.sa_family)
			usage("--from and --to are of different families");
		request.client[i].from = from;
		request.client[i].has_from = true;
		request.client[i].timeout_ms = timeout;
	}
	return request;
}

int reuse_port_command(int argc, char **argv)
{
	struct request request = read_arguments(argc, argv, 2);
	struct result results[2];
	int fds[2];

	/* Both are open before either talks: an answer must find its own. */
	for (int i = 0; i < 2; i++)
		fds[i] = client_open(&request.client[i], &results[i]);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0 && !client_read_line(fds[i], &results[i])) {
			close(fds[i]);
			fds[i] = -1;
		}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			client_echo(fds[i], &results[i]);

	printf("{\"ok\":%s,\"results\":[",
	       results[0].error || results[1].error ? "false" : "true");
	print_result(stdout, &results[0]);
	putchar(',');
	print_result(stdout, &results[1]);
	puts("]}");
	return 0;
}

int timewait_command(int argc, char **argv)
{
	struct request request = read_arguments(argc, argv, 1);

	if (!request.times)
		usage("timewait: --times N is needed");
	for (long i = 0; i < request.times; i++) {
		struct result result;
		int fd = client_open(&request.client[0], &result);

		if (fd >= 0) {
			if (client_read_line(fd, &result))
				client_wait_end(fd, &result);
			close(fd);
		}
		putchar(i == 0 ? '[' : ',');
		print_result(stdout, &result);
	}
	puts("]");
	return 0;
}
