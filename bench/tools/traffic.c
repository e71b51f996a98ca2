// SPDX-License-Identifier: Apache-2.0
/*
 * traffic: the load of the benchmark, and the server for it.
 *
 *   traffic serve PORT...
 *   traffic connect ADDRESS PORT COUNT          one connection after the other
 *   traffic echo ADDRESS PORT SIZE BATCHES      round trips on one connection
 *   traffic stream ADDRESS PORT SIZE WRITES     one way, in writes of SIZE
 *   traffic getsockopt COUNT BATCH              calls that nobody intercepts
 *   traffic obey                                such commands, one a line of stdin
 *
 * What is timed holds no process start and no TIME_WAIT. The server asks for the
 * original destination of each connection, as a proxy does, and the client says
 * whether it got one: a benchmark of connections that nobody intercepted would be
 * worth nothing. Results are JSON; times are nanoseconds.
 */
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "traffic.h"

/*
 * Client and server share a processor: waking another one up takes 12 us more
 * when it sleeps, which depends on what else runs here and hides what is looked
 * for. The server is no reason to interrupt the client (SCHED_BATCH), so that a
 * connect() holds nothing but its own work.
 */
#define CPU 0

#define MAX_WORDS 8

void stay_on_one_cpu(int policy)
{
	const struct sched_param priority = { 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(CPU, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		err(1, "stay on processor %d", CPU);
	if (sched_setscheduler(0, policy, &priority) < 0)
		err(1, "set the scheduling policy");
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) < 0)
		err(1, "read the clock");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* What the scheduler accounts to this process, in its own code and in the kernel. */
uint64_t processor_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

long parse_number(const char *text, long max)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || *end || number < 1 || number > max)
		errx(1, "'%s' is not a number from 1 to %ld", text, max);
	return number;
}

void print_times(const char *name, const uint64_t *times, long count)
{
	printf(",\"%s\":[", name);
	for (long i = 0; i < count; i++)
		printf("%s%lu", i ? "," : "", times[i]);
	putchar(']');
}

static const struct command {
	const char *name;
	int arguments;
	void (*run)(char **args);
} commands[] = {
	{ "connect", 3, connect_command },
	{ "echo", 4, echo_command },
	{ "stream", 4, stream_command },
	{ "getsockopt", 2, getsockopt_command },
};

static void flush_output(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		err(1, "write to stdout");
}

static void run_command(char **words, int count)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (count != commands[i].arguments + 1 || strcmp(words[0], commands[i].name) != 0)
			continue;
		commands[i].run(words + 1);
		flush_output();
		return;
	}
	errx(1, "usage: serve PORT... | obey | connect ADDRESS PORT COUNT | echo ADDRESS PORT SIZE BATCHES | "
		"stream ADDRESS PORT SIZE WRITES | getsockopt COUNT BATCH");
}

/* What changes between two lines is then all that changes: the process is the same. */
static void obey(void)
{
	char *words[MAX_WORDS];
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		int count = 0;
		char *word = strtok(line, " \n");

		for (; word && count < MAX_WORDS; word = strtok(NULL, " \n"))
			words[count++] = word;
		run_command(words, count);
	}
	if (ferror(stdin))
		err(1, "read stdin");
	free(line);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		serve_command(argv + 2, argc - 2);
	stay_on_one_cpu(SCHED_OTHER);
	if (argc == 2 && strcmp(argv[1], "obey") == 0) {
		puts("ready");
		flush_output();
		obey();
	} else {
		run_command(argv + 1, argc - 1);
	}
	return 0;
}
