/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Virtual networks: rules of iptables (nat PREROUTING) redirect what comes
 * from them, since it is forwarded and meets no socket here. What the rules
 * take also when it goes to this host, the programs leave to them.
 */
#ifndef NETWORKS_H
#define NETWORKS_H

#include "common.h"

/* Of enum tp_network_kind; 0 for an interface that is not known. */
static __always_inline __u32 network_kind(__u32 ifindex,
					  const struct tp_endpoint *to)
{
	struct tp_network key = { .length = 160, .ifindex = ifindex };
	enum tp_network_kind *kind;

	key.addr[0] = to->addr[0];
	key.addr[1] = to->addr[1];
	key.addr[2] = to->addr[2];
	key.addr[3] = to->addr[3];
	kind = bpf_map_lookup_elem(&tp_networks, &key);
	return kind ? *kind : 0;
}

#endif
