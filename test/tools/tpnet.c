// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet: the test client and server. This file only finds the subcommand.
 */
#include <string.h>

#include "tpnet.h"

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	/* getopt names the program in its messages by argv[0] */
	const char *full_name;
	const char *arguments;
} commands[] = {
	{ "run", run_command, "tpnet: run",
	  "[--netns NAME|/PATH] [--cgroup DIR] [--uid N] [--gid N]\n"
	  "              [--drop-cap NAME]... [--umount-cgroup2]\n"
	  "              [--without nf_tables|bpf|sock_diag] -- CMD ARGS..." },
	{ "kill-at", kill_at_command, "tpnet: kill-at",
	  "[--nth N] [--signal NAME] [--with-children] [--report FILE] -- CMD ARGS..." },
	{ "serve", serve_command, "tpnet: serve",
	  "--listen ADDR:PORT [--listen ...] [--reuseport N] [--dual]\n"
	  "              [--backlog N] [--quiet-origdst] [--close-first] [--log] [--roomy]" },
	{ "connect", connect_command, "tpnet: connect",
	  "--to ADDR:PORT [--from ADDR[:PORT]] [--mapped] [--device IF]\n"
	  "              [--fastopen] [--mptcp] [--no-read] [--timeout MS] [--nonblock]\n"
	  "       tpnet connect --batch   (such arguments on each line of stdin)" },
	{ "flood", flood_command, "tpnet: flood",
	  "--to ADDR:PORT | --to-net PREFIX/LEN --ports LO-HI\n"
	  "              --count N --parallel K [--hold] [--timeout MS] [--seed S]" },
	{ "sockopts", sockopts_command, "tpnet: sockopts",
	  "[--connected ADDR:PORT] [--accept-from]" },
	{ "reuse-port", reuse_port_command, "tpnet: reuse-port",
	  "--from ADDR:PORT --to ADDR:PORT --to ADDR:PORT [--timeout MS]" },
	{ "timewait", timewait_command, "tpnet: timewait",
	  "--to ADDR:PORT --from ADDR:PORT --times N [--timeout MS]" },
	{ "reconnect", reconnect_command, "tpnet: reconnect",
	  "--to ADDR:PORT --to ADDR:PORT [--to ...] [--from ADDR[:PORT]]\n"
	  "              [--nonblock] [--timeout MS]" },
	{ "dns-serve", dns_serve_command, "tpnet: dns-serve",
	  "--listen ADDR:PORT [--listen ...] [--hold MS]" },
	{ "dns-ask", dns_ask_command, "tpnet: dns-ask",
	  "--servers ADDR[:PORT],... [--connected|--unconnected] [--mapped]\n"
	  "              [--from ADDR[:PORT]] [--device IF] [--sockets N] [--each N]\n"
	  "              [--size BYTES] [--timeout MS] [--repeat MS] [--again]\n"
	  "              [--connect-uid UID]" },
	{ "send-packets", send_packets_command, "tpnet: send-packets", "HEX..." },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "%s tpnet %s %s\n", i == 0 ? "usage:" : "      ",
			commands[i].name, commands[i].arguments);
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
		print_usage(stdout);
		flush_output();
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < COMMANDS; i++) {
		int status;

		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		argv[1] = (char *)commands[i].full_name;
		status = commands[i].main(argc - 1, argv + 1);
		flush_output();
		return status;
	}
	print_usage(stderr);
	return 1;
}
