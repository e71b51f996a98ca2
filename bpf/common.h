/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Small things that every hook needs. */
#ifndef COMMON_H
#define COMMON_H

#include <stdbool.h>

#include "maps.h"

#define AF_INET 2
#define AF_INET6 10

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

#define SOCK_STREAM 1
#define SOCK_DGRAM 2

#define LOOPBACK_IFINDEX 1

/* What programs at connect and sendmsg say. */
#define ALLOW 1
#define REFUSE 0

#define MAPPED_PREFIX bpf_htonl(0xffff)

/*
 * IPv6 has one loopback address only. What varies there is the port: 2048 of
 * them for each direction, brought to the proxy's listener by sk_lookup. Bit
 * 11 is the direction.
 */
#define SPREAD_PORTS 0xf000
#define SPREAD_PORTS_MASK 0xf000
#define SPREAD_DIRECTION_SHIFT 11
#define SPREAD_CHOICE_MASK 0x7ff

/*
 * clang merges accesses to a context or a socket into one that the verifier
 * refuses, or turns them into arithmetic on the pointer. It merges nothing
 * across inline assembly: keep_apart() goes between two stores, and take()
 * around each load of a field.
 */
#define keep_apart() asm volatile("" ::: "memory")
#define take(field)						\
	({							\
		__u32 value_ = (field);				\
		asm volatile("" : "+r"(value_));		\
		value_;						\
	})
#define take_ip6(to, field)					\
	do {							\
		(to)[0] = take((field)[0]);			\
		(to)[1] = take((field)[1]);			\
		(to)[2] = take((field)[2]);			\
		(to)[3] = take((field)[3]);			\
	} while (0)
#define give_ip6(field, from)					\
	do {							\
		(field)[0] = (from)[0];				\
		keep_apart();					\
		(field)[1] = (from)[1];				\
		keep_apart();					\
		(field)[2] = (from)[2];				\
		keep_apart();					\
		(field)[3] = (from)[3];				\
		keep_apart();					\
	} while (0)

extern const volatile struct tp_config tp_config;
extern const volatile struct tp_ports tp_redirected_ports[TP_DIRECTIONS];

static __always_inline void count(__u32 reason)
{
	__u64 *counter = bpf_map_lookup_elem(&tp_counters, &reason);

	if (counter)
		*counter += 1;
}

/* @port in host byte order */
static __always_inline bool is_redirected_port(enum tp_direction direction,
					       __u16 port)
{
	return tp_redirected_ports[direction].bits[port >> 3] >> (port & 7) & 1;
}

static __always_inline void set_mapped(struct tp_endpoint *endpoint,
				       __be32 addr, __be16 port)
{
	endpoint->addr[0] = 0;
	endpoint->addr[1] = 0;
	endpoint->addr[2] = MAPPED_PREFIX;
	endpoint->addr[3] = addr;
	endpoint->port = port;
	endpoint->pad = 0;
}

static __always_inline bool is_mapped(const struct tp_endpoint *endpoint)
{
	return !endpoint->addr[0] && !endpoint->addr[1] &&
	       endpoint->addr[2] == MAPPED_PREFIX;
}

static __always_inline bool same_address(const struct tp_endpoint *a,
					 const struct tp_endpoint *b)
{
	return a->addr[3] == b->addr[3] && a->addr[2] == b->addr[2] &&
	       a->addr[1] == b->addr[1] && a->addr[0] == b->addr[0];
}

static __always_inline bool same_endpoint(const struct tp_endpoint *a,
					  const struct tp_endpoint *b)
{
	return a->port == b->port && same_address(a, b);
}

/* Destination 0.0.0.0: the kernel takes the socket's own address, or localhost. */
static __always_inline __be32 resolve_any4(__be32 to, __be32 from)
{
	if (to)
		return to;
	return from ? from : bpf_htonl(0x7f000001);
}

static __always_inline bool is_any6(const struct tp_endpoint *endpoint)
{
	return !endpoint->addr[0] && !endpoint->addr[1] && !endpoint->addr[2] &&
	       !endpoint->addr[3];
}

static __always_inline void resolve_any6(struct tp_endpoint *to)
{
	if (is_any6(to))
		to->addr[3] = bpf_htonl(1);
}

/* A set of enum tp_address_kind; 0 for an address that is not ours. */
static __always_inline __u32 address_kind(const struct tp_endpoint *endpoint)
{
	struct tp_address *address;

	if (is_mapped(endpoint)) {
		struct tp_prefix4 key = { .length = 32 };

		key.addr = endpoint->addr[3];
		address = bpf_map_lookup_elem(&tp_addresses4, &key);
	} else {
		struct tp_prefix6 key = { .length = 128 };

		key.addr[0] = endpoint->addr[0];
		key.addr[1] = endpoint->addr[1];
		key.addr[2] = endpoint->addr[2];
		key.addr[3] = endpoint->addr[3];
		address = bpf_map_lookup_elem(&tp_addresses6, &key);
	}
	return address ? address->kind : 0;
}

static __always_inline bool is_loopback_range(const struct tp_endpoint *endpoint)
{
	if (is_mapped(endpoint))
		return bpf_ntohl(endpoint->addr[3]) >> 24 == 127;
	return !endpoint->addr[0] && !endpoint->addr[1] && !endpoint->addr[2] &&
	       endpoint->addr[3] == bpf_htonl(1);
}

/* 127.0.0.1 or ::1: where everybody reaches the host itself. */
static __always_inline bool is_localhost(const struct tp_endpoint *to)
{
	return is_loopback_range(to) &&
	       (!is_mapped(to) || to->addr[3] == bpf_htonl(0x7f000001));
}

static __always_inline bool is_local(const struct tp_endpoint *endpoint)
{
	return is_loopback_range(endpoint) ||
	       address_kind(endpoint) & TP_ADDRESS_LOCAL;
}

/*
 * Whether the client of a connection that arrived is in this namespace. The
 * interface does not tell: for a connection to one of the host's own addresses
 * the kernel names the one with that address, not lo. An address that came
 * after the installation is known at least where both ends have it.
 */
static __always_inline bool is_from_here(const struct tp_endpoint *client,
					 const struct tp_endpoint *local)
{
	return same_address(client, local) || is_local(client);
}

#endif
