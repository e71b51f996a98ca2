// SPDX-License-Identifier: Apache-2.0
/*
 * Where the connections of tpnet flood go: one address, or pseudo-random
 * addresses of a prefix and ports of a range.
 */
#include <arpa/inet.h>
#include <string.h>

#include "tpnet.h"

/* xorshift64*: the same seed gives the same destinations everywhere. */
static uint64_t next_random(struct target *target)
{
	target->random ^= target->random >> 12;
	target->random ^= target->random << 25;
	target->random ^= target->random >> 27;
	return target->random * 0x2545f4914f6cdd1dULL;
}

/* Neither the network's address nor its broadcast address takes connections. */
static void pick_v4(struct target *target, struct sockaddr_in *to)
{
	int bits = 32 - target->prefix_len;
	uint64_t hosts = (1ULL << bits) - (bits > 1 ? 2 : 0);
	uint64_t host = (next_random(target) >> 16) % hosts + (bits > 1 ? 1 : 0);
	uint32_t network = ntohl(to->sin_addr.s_addr) & (uint32_t)(~0ULL << bits);

	to->sin_addr.s_addr = htonl(network | (uint32_t)host);
}

/* Host part 0 is the routers' anycast address. */
static void pick_v6(struct target *target, struct sockaddr_in6 *to)
{
	uint8_t *bytes = to->sin6_addr.s6_addr;
	bool zero = true;

	for (int i = 0; i < 16; i++) {
		int fixed = target->prefix_len - 8 * i;
		uint8_t mask = fixed >= 8 ? 0 : fixed <= 0 ? 0xff : (uint8_t)(0xff >> fixed);
		uint8_t host = (uint8_t)(next_random(target) >> 32) & mask;

		bytes[i] = (uint8_t)((bytes[i] & ~mask) | host);
		zero = zero && !host;
	}
	if (zero && target->prefix_len < 127)
		bytes[15] |= 1;
}

union address pick_destination(struct target *target)
{
	union address to = target->to;
	uint64_t ports = (uint64_t)(target->last_port - target->first_port + 1);
	in_port_t port;

	if (target->prefix_len < 0)
		return to;
	port = htons((in_port_t)((uint64_t)target->first_port +
				 (next_random(target) >> 16) % ports));
	if (to.any.sa_family == AF_INET) {
		pick_v4(target, &to.v4);
		to.v4.sin_port = port;
	} else {
		pick_v6(target, &to.v6);
		to.v6.sin6_port = port;
	}
	return to;
}

void parse_net(struct target *target, const char *text)
{
	const char *slash = strchr(text, '/');
	char address[ADDRESS_TEXT];

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		usage("not a PREFIX/LEN: '%s'", text);
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	target->to = parse_address(address, false);
	target->prefix_len = (int)parse_number(slash + 1, 0,
		target->to.any.sa_family == AF_INET ? 32 : 128, "the prefix length");
}

void parse_ports(struct target *target, const char *text)
{
	const char *dash = strchr(text, '-');
	char low[16];

	if (!dash || (size_t)(dash - text) >= sizeof(low))
		usage("not a range LO-HI of ports: '%s'", text);
	snprintf(low, sizeof(low), "%.*s", (int)(dash - text), text);
	target->first_port = parse_number(low, 1, 65535, "--ports");
	target->last_port = parse_number(dash + 1, target->first_port, 65535, "--ports");
}
