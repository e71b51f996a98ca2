// SPDX-License-Identifier: Apache-2.0
/*
 * How tpnet reports: errors on stderr, results as JSON on stdout.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tpnet.h"

static void print_error(const char *what, va_list args, int error)
{
	/* What was already answered comes before the complaint. */
	fflush(stdout);
	fputs("tpnet: ", stderr);
	vfprintf(stderr, what, args);
	if (error)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
}

void complain(const char *what, ...)
{
	int error = errno;
	va_list args;

	va_start(args, what);
	print_error(what, args, error);
	va_end(args);
}

void die(const char *what, ...)
{
	int error = errno;
	va_list args;

	va_start(args, what);
	print_error(what, args, error);
	va_end(args);
	exit(1);
}

void usage(const char *what, ...)
{
	va_list args;

	va_start(args, what);
	print_error(what, args, 0);
	va_end(args);
	exit(1);
}

long parse_number(const char *text, long min, long max, const char *what)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		usage("%s is not a number from %ld to %ld: '%s'", what, min, max, text);
	return number;
}

uint64_t now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		die("read the clock");
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		die("allocate %zu times %zu bytes", count, size);
	return memory;
}

/* Tests hold thousands of connections: take all the files we may have. */
void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("read the limit of open files");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("raise the limit of open files");
}

void json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* A result that could not be written must not look like a success. */
void flush_output(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		die("write to stdout");
}
