/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Addresses and users that are left alone. What is not used costs nothing. */
#ifndef EXCLUSIONS_H
#define EXCLUSIONS_H

#include "common.h"

static __always_inline bool is_excluded4(enum tp_direction direction, __be32 addr)
{
	struct tp_excluded4 key = {
		.length = 8 * (sizeof(key) - sizeof(key.length)),
		.direction = direction,
		.addr = addr,
	};

	return bpf_map_lookup_elem(&tp_excluded4, &key);
}

static __always_inline bool is_excluded6(enum tp_direction direction,
					 const __be32 *addr)
{
	struct tp_excluded6 key = {
		.length = 8 * (sizeof(key) - sizeof(key.length)),
		.direction = direction,
	};

	key.addr[0] = addr[0];
	key.addr[1] = addr[1];
	key.addr[2] = addr[2];
	key.addr[3] = addr[3];
	return bpf_map_lookup_elem(&tp_excluded6, &key);
}

/* @who: outbound the destination, inbound the client */
static __always_inline bool is_excluded_address(enum tp_direction direction,
						const struct tp_endpoint *who)
{
	if (is_mapped(who))
		return tp_config.excluded4[direction] &&
		       is_excluded4(direction, who->addr[3]);
	return tp_config.excluded6[direction] && is_excluded6(direction, who->addr);
}

/* Each user has one set of ports, also where several rules speak of it. */
static __always_inline bool is_excluded_user(enum tp_protocol protocol, __u32 uid,
					     __be16 port)
{
	struct tp_users user = {
		.length = 8 * (sizeof(user) - sizeof(user.length)),
		.protocol = protocol,
		.uid = bpf_htonl(uid),
	};
	struct tp_set_ports member = {
		.length = 8 * (sizeof(member.set) + sizeof(member.port)),
		.port = port,
	};
	struct tp_port_set *set;

	if (!tp_config.excluded_users[protocol])
		return false;
	set = bpf_map_lookup_elem(&tp_users, &user);
	if (!set)
		return false;
	member.set = set->number;
	return bpf_map_lookup_elem(&tp_set_ports, &member);
}

#endif
