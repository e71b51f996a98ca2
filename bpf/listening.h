/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Whether anybody listens where a connection or a query would be sent. Asked only
 * where those that nobody would take are to go where they wanted.
 *
 * Whoever listens there counts, as whoever listens there is who would get it: the
 * kernel knows no proxy, only sockets. It looks in this network namespace alone,
 * and finds none that is bound to a device.
 */
#ifndef LISTENING_H
#define LISTENING_H

#include "common.h"

/*
 * A client that there is not: from the same address, so that the sk_lookup program
 * takes it for one of this host, and from port 0, which it knows (is_question).
 */
static __always_inline __u32 ask_about(struct bpf_sock_tuple *tuple,
				       const struct tp_endpoint *at)
{
	__builtin_memset(tuple, 0, sizeof(*tuple));
	if (is_mapped(at)) {
		tuple->ipv4.saddr = at->addr[3];
		tuple->ipv4.daddr = at->addr[3];
		tuple->ipv4.dport = at->port;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, at->addr, sizeof(tuple->ipv6.saddr));
	__builtin_memcpy(tuple->ipv6.daddr, at->addr, sizeof(tuple->ipv6.daddr));
	tuple->ipv6.dport = at->port;
	return sizeof(tuple->ipv6);
}

/* No client has port 0: somebody asks who would get a connection. */
static __always_inline bool is_question(const struct tp_tuple *tuple)
{
	return tp_config.bypass && !tuple->client.port;
}

static __always_inline bool is_tcp_listener(struct bpf_sock_addr *ctx,
					    const struct tp_endpoint *at)
{
	struct bpf_sock_tuple tuple;
	__u32 size = ask_about(&tuple, at);
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	bpf_sk_release(sk);
	return true;
}

static __always_inline bool is_udp_listener(struct bpf_sock_addr *ctx,
					    const struct tp_endpoint *at)
{
	struct bpf_sock_tuple tuple;
	__u32 size = ask_about(&tuple, at);
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	bpf_sk_release(sk);
	return true;
}

#endif
