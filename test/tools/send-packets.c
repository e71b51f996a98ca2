// SPDX-License-Identifier: Apache-2.0
/*
 * tpnet send-packets: IP packets as they are given, header and all, one after
 * the other. The kernel fills in the IPv4 checksum, total length and a zero id.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpnet.h"

#define MAX_PACKET 1500
#define IP4_HEADER 20
#define IP4_DESTINATION 16
#define IP6_HEADER 40
#define IP6_DESTINATION 24

struct packet {
	size_t length;
	uint8_t bytes[MAX_PACKET];
};

static uint8_t parse_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit ? strchr(digits, digit) : NULL;

	if (!found)
		usage("not a hexadecimal digit: '%c'", digit);
	return (uint8_t)(found - digits);
}

static void parse_packet(struct packet *packet, const char *text)
{
	size_t digits = strlen(text);

	if (digits % 2 || digits / 2 > MAX_PACKET)
		usage("not %d bytes at most, of two digits each: '%s'", MAX_PACKET, text);
	packet->length = digits / 2;
	for (size_t i = 0; i < packet->length; i++)
		packet->bytes[i] = (uint8_t)(parse_digit(text[2 * i]) << 4 |
					     parse_digit(text[2 * i + 1]));
}

static union address destination(const struct packet *packet)
{
	union address to = { 0 };
	int version = packet->length ? packet->bytes[0] >> 4 : 0;

	if (version == 4 && packet->length >= IP4_HEADER) {
		to.v4.sin_family = AF_INET;
		memcpy(&to.v4.sin_addr, packet->bytes + IP4_DESTINATION,
		       sizeof(to.v4.sin_addr));
	} else if (version == 6 && packet->length >= IP6_HEADER) {
		to.v6.sin6_family = AF_INET6;
		memcpy(&to.v6.sin6_addr, packet->bytes + IP6_DESTINATION,
		       sizeof(to.v6.sin6_addr));
	} else {
		usage("not a whole header of IPv4 or IPv6");
	}
	return to;
}

/* With IPPROTO_RAW the header is the sender's in both families. */
static void send_packet(const struct packet *packet)
{
	union address to = destination(packet);
	int fd = socket(to.any.sa_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		die("open a raw socket");
	if (sendto(fd, packet->bytes, packet->length, 0, &to.any, address_size(&to)) < 0)
		die("send a packet");
	close(fd);
}

/* Over a veth, only packets of one CPU arrive in the order they were sent in. */
static void stay_on_one_cpu(void)
{
	cpu_set_t cpus;
	int cpu = sched_getcpu();

	if (cpu < 0)
		die("find the CPU");
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		die("stay on CPU %d", cpu);
}

int send_packets_command(int argc, char **argv)
{
	struct packet packet;

	if (argc < 2)
		usage("needed: the packets, in hexadecimal digits");
	stay_on_one_cpu();
	for (int i = 1; i < argc; i++) {
		parse_packet(&packet, argv[i]);
		send_packet(&packet);
	}
	return 0;
}
