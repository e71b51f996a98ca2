// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * sendmsg and recvmsg: DNS queries of sockets that are not connected, and the
 * answers to any. Connected sockets are redirected in connect.bpf.c. A datagram
 * to a v4-mapped address leaves through sendmsg4, and arrives through recvmsg6.
 */
#include "dns.h"

/* 0.0.0.0 or :: */
static __always_inline bool is_unspecified(const struct tp_endpoint *endpoint)
{
	return is_any6(endpoint) || (is_mapped(endpoint) && !endpoint->addr[3]);
}

static __always_inline __u32 hash_address(const struct tp_endpoint *endpoint)
{
	__u32 hash = 0;
	int i;

	for (i = 0; i < 4; i++) {
		hash = (hash ^ bpf_ntohl(endpoint->addr[i])) * TAG_STEP;
		hash ^= hash >> 15;
	}
	return hash;
}

static __always_inline void set_tag(struct tp_endpoint *tag, bool mapped, __u32 number,
				    __be16 port)
{
	if (mapped) {
		set_mapped(tag, bpf_htonl(TAG_NET4 | (number & TAG_MASK4)), port);
		return;
	}
	tag->addr[0] = bpf_htonl(TAG_NET6_FIRST);
	tag->addr[1] = 0;
	tag->addr[2] = bpf_htonl(TAG_NET6_THIRD);
	tag->addr[3] = bpf_htonl(number);
	tag->port = port;
	tag->pad = 0;
}

/*
 * Finds a tag for the answers of @server to @client. The same again for the same
 * two. An entry of a socket that has gone stays until it is the least recently
 * used one; if all tries meet such entries, the last is taken.
 */
static __always_inline bool choose_tag(const struct tp_endpoint *client,
				       const struct tp_endpoint *server,
				       struct tp_endpoint *tag)
{
	struct tp_answer answer = { .server = *server, .client = *client };
	__u32 number = hash_address(server);
	struct tp_answer *known;
	int i;

	/* clang closes the loop by falling into it, which Linux 6.1 refuses. */
#pragma unroll
	for (i = 0; i < TAG_TRIES; i++) {
		set_tag(tag, is_mapped(server), number, client->port);
		known = bpf_map_lookup_elem(&tp_dns_answers, tag);
		if (!known)
			break;
		if (same_endpoint(&known->server, server) &&
		    same_endpoint(&known->client, client))
			return true;
		number += TAG_STEP;
	}
	return !bpf_map_update_elem(&tp_dns_answers, tag, &answer, BPF_ANY);
}

/*
 * A query: @from is what the kernel would take, its address may be 0; it becomes
 * the tag where there has to be one.
 */
static __always_inline bool redirect_query(struct bpf_sock_addr *ctx,
					   struct tp_endpoint *from,
					   struct tp_endpoint *to, bool *tagged)
{
	struct tp_socket *socket = remember_client(ctx);
	struct tp_endpoint client;

	*tagged = false;
	if (!socket)
		return false;
	if (socket->role != TP_ROLE_CLIENT || same_endpoint(&socket->original, to)) {
		/* Again, too: the DNS proxy's port may be another one since. */
		remember_server(socket, to);
	} else {
		client = *from;
		if (is_unspecified(&client))
			set_localhost(&client, is_mapped(to), from->port);
		if (!choose_tag(&client, to, from)) {
			count(TP_DNS_NO_MEMORY);
			return false;
		}
		*tagged = true;
	}
	count(TP_DNS_REDIRECTED);
	set_localhost(to, is_mapped(to), bpf_htons(tp_config.dns_port));
	return true;
}

/* Only the DNS proxy can be where queries go: its answers come from there. */
static __always_inline bool is_from_dns_proxy(const struct tp_endpoint *from)
{
	if (from->port != bpf_htons(tp_config.dns_port))
		return false;
	return is_unspecified(from) || is_localhost(from);
}

/*
 * Who has the DNS proxy's port at another address of this host can have the kernel
 * write localhost into what it sends (IP_PKTINFO): that, too, would be taken for
 * the name server's.
 */
static __always_inline bool claims_to_be_dns_proxy(struct bpf_sock_addr *ctx,
						   const struct tp_endpoint *from)
{
	struct tp_endpoint own;

	if (from->port != bpf_htons(tp_config.dns_port) || !is_localhost(from))
		return false;
	if (is_mapped(from))
		set_mapped(&own, take(ctx->sk->src_ip4), 0);
	else
		take_ip6(own.addr, ctx->sk->src_ip6);
	return !is_unspecified(&own) && !is_localhost(&own);
}

/*
 * An answer of the DNS proxy to a tag, to where the tag stands for. From nobody
 * else: it would be taken for the name server's.
 */
static __always_inline bool redirect_answer(struct tp_endpoint *from,
					    struct tp_endpoint *to)
{
	struct tp_answer *answer;

	if (!is_tag(to) || !is_from_dns_proxy(from))
		return false;
	answer = bpf_map_lookup_elem(&tp_dns_answers, to);
	if (!answer)
		return false;
	*from = *to;
	*to = answer->client;
	return true;
}

/*
 * What a connected socket sends to its peer goes there: it was decided at connect,
 * and the socket would not take an answer from elsewhere. These are v4-mapped
 * ones, and such as name their peer.
 */
static __always_inline bool is_peer(struct bpf_sock_addr *ctx, const struct tp_endpoint *to)
{
	struct tp_endpoint peer;

	if (take(ctx->sk->state) != BPF_TCP_ESTABLISHED)
		return false;
	if (is_mapped(to)) {
		set_mapped(&peer, take(ctx->sk->dst_ip4), ctx->sk->dst_port);
	} else {
		take_ip6(peer.addr, ctx->sk->dst_ip6);
		peer.port = ctx->sk->dst_port;
	}
	return same_endpoint(&peer, to);
}

/* @set_from, @set_to: what is to be changed; false: refuse the datagram */
static __always_inline bool process(struct bpf_sock_addr *ctx, struct tp_endpoint *from,
				    struct tp_endpoint *to, bool *set_from, bool *set_to)
{
	/* It would be taken for a name server's answer. */
	if (is_tag(from) || claims_to_be_dns_proxy(ctx, from))
		return false;
	*set_from = redirect_answer(from, to);
	*set_to = *set_from || (!is_peer(ctx, to) && goes_to_dns_proxy(ctx, to));
	if (*set_from || !*set_to)
		return true;
	return redirect_query(ctx, from, to, set_from);
}

SEC("cgroup/sendmsg4")
int tp_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from, to;
	bool set_from, set_to;

	if (!is_ours(ctx, SOCK_DGRAM, IPPROTO_UDP))
		return ALLOW;
	set_mapped(&from, take(ctx->msg_src_ip4), bpf_htons(take(ctx->sk->src_port)));
	set_mapped(&to, resolve_any4(take(ctx->user_ip4), from.addr[3]), ctx->user_port);
	if (!process(ctx, &from, &to, &set_from, &set_to))
		return REFUSE;
	if (set_from)
		ctx->msg_src_ip4 = from.addr[3];
	keep_apart();
	if (set_to) {
		ctx->user_ip4 = to.addr[3];
		keep_apart();
		ctx->user_port = to.port;
	}
	return ALLOW;
}

SEC("cgroup/sendmsg6")
int tp_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from, to;
	bool set_from, set_to;

	if (!tp_config.ipv6 || !is_ours(ctx, SOCK_DGRAM, IPPROTO_UDP))
		return ALLOW;
	take_ip6(from.addr, ctx->msg_src_ip6);
	from.port = bpf_htons(take(ctx->sk->src_port));
	from.pad = 0;
	take_ip6(to.addr, ctx->user_ip6);
	to.port = ctx->user_port;
	to.pad = 0;
	resolve_any6(&to);
	if (is_mapped(&to))
		return ALLOW;
	if (!process(ctx, &from, &to, &set_from, &set_to))
		return REFUSE;
	if (set_from)
		give_ip6(ctx->msg_src_ip6, from.addr);
	if (set_to) {
		give_ip6(ctx->user_ip6, to.addr);
		ctx->user_port = to.port;
	}
	return ALLOW;
}

/* Whom an answer that came from the DNS proxy shall seem to come from. */
static __always_inline bool find_server(struct bpf_sock_addr *ctx,
					struct tp_endpoint *from)
{
	struct tp_answer *answer;
	struct tp_socket *socket;
	struct tp_endpoint tag;

	if (!is_ours(ctx, SOCK_DGRAM, IPPROTO_UDP))
		return false;
	if (is_tag(from)) {
		/* A query comes from a tag, too, to the DNS proxy. */
		if (from->port != bpf_htons(tp_config.dns_port))
			return false;
		tag = *from;
		tag.port = bpf_htons(take(ctx->sk->src_port));
		answer = bpf_map_lookup_elem(&tp_dns_answers, &tag);
		if (!answer)
			return false;
		*from = answer->server;
		return true;
	}
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0, 0);
	if (!socket || socket->role != TP_ROLE_CLIENT ||
	    !same_endpoint(&socket->proxy, from))
		return false;
	*from = socket->original;
	return true;
}

SEC("cgroup/recvmsg4")
int tp_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from;

	set_mapped(&from, take(ctx->user_ip4), ctx->user_port);
	if (!find_server(ctx, &from))
		return ALLOW;
	ctx->user_ip4 = from.addr[3];
	keep_apart();
	ctx->user_port = from.port;
	return ALLOW;
}

SEC("cgroup/recvmsg6")
int tp_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct tp_endpoint from;

	take_ip6(from.addr, ctx->user_ip6);
	from.port = ctx->user_port;
	from.pad = 0;
	if (!find_server(ctx, &from))
		return ALLOW;
	give_ip6(ctx->user_ip6, from.addr);
	ctx->user_port = from.port;
	return ALLOW;
}
