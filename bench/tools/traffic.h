/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client and server of "traffic" share: see traffic.c.
 *
 * A connection begins with a request of MESSAGE bytes. The server answers with as
 * many, each of which says whether it was told an original destination. What
 * follows depends on the request.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#define MESSAGE 64
#define LARGEST (64 * 1024)	/* bytes of a message, or of a write */

/* What a request asks for: its first byte. */
enum wish {
	WISH_NOTHING = 'n',	/* the answer alone: one request of one connection */
	WISH_ECHO = 'e',	/* messages of `size` bytes come back, until the end */
	WISH_SINK = 's',	/* `bytes` are taken, then one byte says so */
	WISH_USAGE = 'u',	/* the server's processor time so far, 8 bytes */
};

struct request {
	char wish;
	uint32_t size;
	uint64_t bytes;
};

_Static_assert(sizeof(struct request) <= MESSAGE, "a request is larger than its message");

#define INTERCEPTED 'I'
#define DIRECT 'D'

uint64_t now_ns(void);
uint64_t processor_ns(void);
long parse_number(const char *text, long max);
void stay_on_one_cpu(int policy);

struct addrinfo *resolve(const char *address, const char *port);
/* A socket that leaves no TIME_WAIT behind. */
int make_socket(const struct addrinfo *to);
/* Sends the request and returns the kind in the answer. */
char ask(int fd, char wish, uint32_t size, uint64_t bytes);
/* Connects and asks. */
int open_connection(const struct addrinfo *to, char wish, uint32_t size, uint64_t bytes,
		    char *kind);
/* The processor time of the server at the other end. */
uint64_t server_processor_ns(const struct addrinfo *to);

void send_all(int fd, const void *data, size_t size);
/* false: the other end has ended before */
bool receive_all(int fd, void *data, size_t size);

void print_times(const char *name, const uint64_t *times, long count);

_Noreturn void serve_command(char **ports, int count);
void connect_command(char **args);
void echo_command(char **args);
void stream_command(char **args);
void getsockopt_command(char **args);

#endif
