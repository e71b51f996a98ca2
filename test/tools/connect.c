// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet connect: one connection, or one for each line of stdin, as JSON.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpnet.h"

#define MAX_ARGUMENTS 32

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "from", required_argument, NULL, 'f' },
	{ "mapped", no_argument, NULL, 'm' },
	{ "device", required_argument, NULL, 'd' },
	{ "fastopen", no_argument, NULL, 'o' },
	{ "mptcp", no_argument, NULL, 'p' },
	{ "no-read", no_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "nonblock", no_argument, NULL, 'b' },
	{ 0 },
};

static void check(const struct client *client)
{
	sa_family_t to = client->to.any.sa_family, from = client->from.any.sa_family;

	if (!to)
		usage("connect: --to ADDR:PORT is needed");
	/* [::ffff:10.0.0.1]:80 says the same as --mapped 10.0.0.1:80 */
	if (client->mapped && to != AF_INET && !is_mapped(&client->to))
		usage("connect: --mapped needs an IPv4 destination");
	if (client->has_from && from != to && !(client->mapped && from == AF_INET))
		usage("connect: --from and --to are of different families");
}

static struct client read_arguments(int argc, char **argv)
{
	struct client client = { .timeout_ms = 3000 };
	int option;

	optind = 0; /* glibc: start afresh, for each line of a batch */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': client.to = parse_address(optarg, true); break;
		case 'f':
			client.from = parse_address(optarg, false);
			client.has_from = true;
			break;
		case 'm': client.mapped = true; break;
		case 'd': client.device = optarg; break;
		case 'o': client.fastopen = true; break;
		case 'p': client.mptcp = true; break;
		case 'n': client.no_read = true; break;
		case 'w': client.timeout_ms = parse_number(optarg, 1, 3600000, "--timeout"); break;
		case 'b': client.nonblock = true; break;
		default: exit(1);
		}
	}
	if (optind < argc)
		usage("connect: '%s' is not an option", argv[optind]);
	check(&client);
	return client;
}

static void connect_once(int argc, char **argv)
{
	struct client client = read_arguments(argc, argv);
	struct result result;
	int fd = client_open(&client, &result);

	if (fd >= 0) {
		if (!client.no_read)
			client_read_line(fd, &result);
		close(fd);
	}
	print_result(stdout, &result);
	putchar('\n');
	flush_output();
}

static void connect_line(char *name, char *line)
{
	char *arguments[MAX_ARGUMENTS + 1] = { name };
	int count = 1;

	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		if (count == MAX_ARGUMENTS)
			usage("connect: a line of the batch has too many words");
		arguments[count++] = word;
	}
	connect_once(count, arguments);
}

static void connect_batch(char *name)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0)
		connect_line(name, line);
	if (ferror(stdin))
		die("read stdin");
	free(line);
}

int connect_command(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--batch") == 0)
		connect_batch(argv[0]);
	else
		connect_once(argc, argv);
	return 0;
}
