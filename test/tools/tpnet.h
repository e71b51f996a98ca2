/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpnet - the client and server that the tests run inside network namespaces.
 */
#ifndef TPNET_H
#define TPNET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "older.h"

/* report.c: errors, numbers, the clock, JSON */

/* Print "tpnet: <what>: <strerror(errno)>"; complain returns, die exits 1. */
void complain(const char *what, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *what, ...) __attribute__((format(printf, 1, 2)));
/* The command line is wrong: no errno is involved. Exits 1. */
_Noreturn void usage(const char *what, ...) __attribute__((format(printf, 1, 2)));

long parse_number(const char *text, long min, long max, const char *what);
uint64_t now_ns(void);
void *allocate(size_t count, size_t size);
void raise_file_limit(void);
void json_string(FILE *out, const char *text);
void flush_output(void);

/* address.c */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "[" + INET6_ADDRSTRLEN + "%" + IF_NAMESIZE + "]:65535" */
#define ADDRESS_TEXT 80

union address parse_address(const char *text, bool port_needed);
const char *format_address(const union address *address, char text[ADDRESS_TEXT]);
socklen_t address_size(const union address *address);
in_port_t address_port(const union address *address);
bool is_mapped(const union address *address);
void map_address(union address *address);
void strip_scope(char *text);

/* client.c: one TCP connection, and what became of it */

#define SERVER_LINE 1024

struct client {
	union address to;
	union address from;
	bool has_from;
	bool mapped;
	bool fastopen;
	bool mptcp;
	bool no_read;
	bool nonblock;
	const char *device;
	long timeout_ms;
};

struct result {
	const char *stage;	/* the step that failed, or "done" */
	int error;		/* an errno, or END_OF_FILE */
	double ms;		/* how long the connect took */
	bool has_peer;
	bool has_local;
	bool whole_line;	/* line is complete: its newline came */
	union address peer;
	union address local;
	size_t line_len;
	uint64_t deadline;
	char line[SERVER_LINE];
};

/* The server closed too early: not an errno, but reported in its place. */
#define END_OF_FILE -1

/* Each returns false, or -1, after it has written the failure to the result. */
int client_open(const struct client *client, struct result *result);
/* The two halves of client_open: a socket can be connected more than once. */
int client_socket(const struct client *client, struct result *result);
bool client_connect(int fd, const struct client *client, struct result *result);
bool client_read_line(int fd, struct result *result);
bool client_echo(int fd, struct result *result);
bool client_wait_end(int fd, struct result *result);
void print_result(FILE *out, const struct result *result);

/* target.c: the destinations of a flood */

struct target {
	union address to;
	int prefix_len;		/* -1: always the same destination */
	long first_port;
	long last_port;
	uint64_t random;	/* the generator's state, never 0 */
};

union address pick_destination(struct target *target);
void parse_net(struct target *target, const char *text);
void parse_ports(struct target *target, const char *text);

/* What dns-ask sends, and dns-serve says. In network byte order. */
struct dns_query {
	uint32_t id;
	uint32_t size;		/* the answer shall have: as EDNS allows large ones */
};

struct dns_answer {
	struct dns_query query;
	char listener[ADDRESS_TEXT];
	char padding[65536];
};

/* without.c: do not return where the kernel takes no filter */
struct sock_filter;
void install_filter(const struct sock_filter *filter, size_t length);
void do_without(const char *what);

/* The subcommands. Each returns the exit status. */
int run_command(int argc, char **argv);
int kill_at_command(int argc, char **argv);
int serve_command(int argc, char **argv);
int connect_command(int argc, char **argv);
int flood_command(int argc, char **argv);
int sockopts_command(int argc, char **argv);
int reuse_port_command(int argc, char **argv);
int timewait_command(int argc, char **argv);
int reconnect_command(int argc, char **argv);
int dns_serve_command(int argc, char **argv);
int dns_ask_command(int argc, char **argv);
int send_packets_command(int argc, char **argv);

#endif
