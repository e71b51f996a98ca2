// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses as text: 10.0.0.1:80, [fd00::1]:80, [fe80::1%eth0]:80.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "tpnet.h"

/* Splits "host:port" or "[host]:port"; without a port *port becomes NULL. */
static void split(const char *text, char *host, size_t room, const char **port)
{
	const char *colon = strchr(text, ':');
	const char *start = text;
	const char *end = colon;

	if (*text == '[') {
		start = text + 1;
		end = strchr(start, ']');
		if (!end || (end[1] && end[1] != ':'))
			usage("not an address: '%s'", text);
		*port = end[1] ? end + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		*port = colon + 1;
	} else {
		/* no colon, or an IPv6 address without brackets: no port */
		end = text + strlen(text);
		*port = NULL;
	}
	if ((size_t)(end - start) >= room)
		usage("address too long: '%s'", text);
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
}

static bool parse_v6(char *host, struct sockaddr_in6 *v6)
{
	char *scope = strchr(host, '%');

	if (scope) {
		*scope++ = '\0';
		v6->sin6_scope_id = if_nametoindex(scope);
		if (!v6->sin6_scope_id)
			die("find the interface '%s'", scope);
	}
	v6->sin6_family = AF_INET6;
	return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

union address parse_address(const char *text, bool port_needed)
{
	union address address = { 0 };
	char host[ADDRESS_TEXT];
	const char *port;
	in_port_t number = 0;

	split(text, host, sizeof(host), &port);
	if (port)
		number = htons((in_port_t)parse_number(port, 0, 65535, "the port"));
	else if (port_needed)
		usage("an address with its port is needed: '%s'", text);

	if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = number;
		return address;
	}
	memset(&address, 0, sizeof(address));
	if (!parse_v6(host, &address.v6))
		usage("not an address: '%s'", text);
	address.v6.sin6_port = number;
	return address;
}

static void format_v6(const struct sockaddr_in6 *v6, char text[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN];
	char scope[IF_NAMESIZE + 1] = "";

	inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	/* the interface may be gone by now: then its number has to do */
	if (v6->sin6_scope_id && !if_indextoname(v6->sin6_scope_id, scope))
		snprintf(scope, sizeof(scope), "%u", v6->sin6_scope_id);
	snprintf(text, ADDRESS_TEXT, "[%s%s%s]:%u", host, *scope ? "%" : "",
		 scope, ntohs(v6->sin6_port));
}

const char *format_address(const union address *address, char text[ADDRESS_TEXT])
{
	char host[INET_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET6) {
		format_v6(&address->v6, text);
	} else if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "%s:%u", host,
			 ntohs(address->v4.sin_port));
	} else {
		/* a wrong answer of the code under test: show it */
		snprintf(text, ADDRESS_TEXT, "family %d", address->any.sa_family);
	}
	return text;
}

socklen_t address_size(const union address *address)
{
	if (address->any.sa_family == AF_INET6)
		return sizeof(address->v6);
	return sizeof(address->v4);
}

in_port_t address_port(const union address *address)
{
	if (address->any.sa_family == AF_INET6)
		return ntohs(address->v6.sin6_port);
	return ntohs(address->v4.sin_port);
}

bool is_mapped(const union address *address)
{
	return address->any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
}

/* 10.0.0.1 becomes ::ffff:10.0.0.1; an IPv6 address is left as it is. */
void map_address(union address *address)
{
	struct sockaddr_in v4 = address->v4;

	if (v4.sin_family != AF_INET)
		return;
	memset(address, 0, sizeof(*address));
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = v4.sin_port;
	address->v6.sin6_addr.s6_addr[10] = 0xff;
	address->v6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&address->v6.sin6_addr.s6_addr[12], &v4.sin_addr, 4);
}

/* Both ends see one link under different names: compare without the name. */
void strip_scope(char *text)
{
	char *scope = strchr(text, '%');
	char *end = scope ? strchr(scope, ']') : NULL;

	if (end)
		memmove(scope, end, strlen(end) + 1);
}
