// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * sk_lookup: runs where the kernel looks for a listener, once a connection.
 *
 * Steers inbound connections to the proxy without touching a packet. Where tc
 * does that, it stands behind it for what tc cannot do: refuse a connection,
 * and catch a SYN that arrived in fragments or reuses a port in TIME_WAIT.
 */
#include "exclusions.h"
#include "listening.h"
#include "networks.h"

#define EAFNOSUPPORT 97

/*
 * The first listener on the @port that takes the connection: the slots may have
 * those of an installation before, which had other ports. A dual-stack one takes
 * IPv4, an IPv6-only one says EAFNOSUPPORT. Among listeners with SO_REUSEPORT
 * the kernel then chooses by itself.
 */
static __always_inline bool assign_from(struct bpf_sk_lookup *ctx, void *map,
					__u16 port)
{
	struct bpf_sock *sk;
	__u32 slot;
	long error;

	for (slot = 0; slot < TP_LISTENER_SLOTS; slot++) {
		__u32 key = slot;

		sk = bpf_map_lookup_elem(map, &key);
		if (!sk)
			continue;
		error = -EAFNOSUPPORT;
		if (take(sk->src_port) == port)
			error = bpf_sk_assign(ctx, sk, 0);
		bpf_sk_release(sk);
		if (!error)
			return true;
		if (error != -EAFNOSUPPORT)
			return false;
	}
	return false;
}

static __always_inline bool is_localhost6(struct bpf_sk_lookup *ctx)
{
	return ctx->local_ip6[0] == 0 && ctx->local_ip6[1] == 0 &&
	       ctx->local_ip6[2] == 0 && ctx->local_ip6[3] == bpf_htonl(1);
}

static __always_inline void read_tuple(struct bpf_sk_lookup *ctx,
				       struct tp_tuple *tuple)
{
	if (ctx->family == AF_INET) {
		set_mapped(&tuple->client, take(ctx->remote_ip4), ctx->remote_port);
		set_mapped(&tuple->proxy, take(ctx->local_ip4), bpf_htons(ctx->local_port));
		return;
	}
	take_ip6(tuple->client.addr, ctx->remote_ip6);
	tuple->client.port = ctx->remote_port;
	tuple->client.pad = 0;
	take_ip6(tuple->proxy.addr, ctx->local_ip6);
	tuple->proxy.port = bpf_htons(ctx->local_port);
	tuple->proxy.pad = 0;
}

/*
 * A connection to one of the spread ports is ours if its handshake is known: it
 * goes where it was sent, also by an installation before. A question about one
 * has none, and is answered as its connection would be.
 */
static __always_inline int spread(struct bpf_sk_lookup *ctx,
				  const struct tp_tuple *tuple)
{
	bool to_inbound = ctx->local_port >> SPREAD_DIRECTION_SHIFT & 1;
	struct tp_handshake *known;
	bool assigned;
	__u16 port;

	known = bpf_map_lookup_elem(&tp_handshakes, tuple);
	if (known)
		port = known->listener;
	else if (is_question(tuple))
		port = tp_config.ports[to_inbound ? TP_INBOUND : TP_OUTBOUND];
	else
		return SK_PASS;
	if (to_inbound)
		assigned = assign_from(ctx, &tp_inbound6, port);
	else
		assigned = assign_from(ctx, &tp_outbound6, port);
	return assigned ? SK_PASS : SK_DROP;
}

static __always_inline bool assign_inbound(struct bpf_sk_lookup *ctx)
{
	__u16 port = tp_config.ports[TP_INBOUND];

	if (ctx->family == AF_INET && assign_from(ctx, &tp_inbound4, port))
		return true;
	return assign_from(ctx, &tp_inbound6, port);
}

/*
 * NAT has rewritten what the rules redirect: here it goes to the proxy's
 * outbound port, without a mark. It is told by the interface that it came by:
 * one that leads to a virtual network, or that came after the installation,
 * which a pattern of the rules ("br+") may stand for. A connection straight to
 * that port by such an interface reaches the outbound listener, too, which is
 * told that it was going there; with the iptables engine it reaches the inbound
 * one. By other interfaces it goes to the inbound listener with both. Before
 * Linux 5.17 the interface is not known, and every connection to that port
 * passes. While the port changes, rules of before may send to that of before.
 */
static __always_inline bool is_from_network(struct bpf_sk_lookup *ctx,
					    const struct tp_endpoint *local)
{
	if (!tp_config.networks ||
	    (ctx->local_port != tp_config.ports[TP_OUTBOUND] &&
	     ctx->local_port != tp_config.networks_port))
		return false;
	return !tp_config.lookup_knows_ifindex ||
	       network_kind(ctx->ingress_ifindex, local) != TP_NETWORK_NONE;
}

/* Before Linux 5.17 tc says so. A question that it asks itself has the same tuple. */
static __always_inline bool came_by_interface(struct bpf_sk_lookup *ctx,
					      const struct tp_tuple *tuple)
{
	if (tp_config.lookup_knows_ifindex)
		return ctx->ingress_ifindex == tp_config.inbound_ifindex;
	return tp_config.tc && bpf_map_lookup_elem(&tp_syns, tuple);
}

static __always_inline int inbound(struct bpf_sk_lookup *ctx,
				   const struct tp_tuple *tuple)
{
	if (!tp_config.redirect[TP_INBOUND] ||
	    (ctx->family == AF_INET6 && !tp_config.ipv6))
		return SK_PASS;
	if (tp_config.inbound_ifindex && !came_by_interface(ctx, tuple))
		return SK_PASS;
	if (is_from_network(ctx, &tuple->proxy))
		return SK_PASS;
	/* tc asks for this port when it looks for the proxy's listener. */
	if (tp_config.tc && ctx->local_port == tp_config.ports[TP_INBOUND])
		return SK_PASS;
	if (is_excluded_address(TP_INBOUND, &tuple->client)) {
		if (!tp_config.tc)
			count(TP_INBOUND_EXCLUDED_ADDRESS);
		return SK_PASS;
	}
	if (!is_redirected_port(TP_INBOUND, ctx->local_port)) {
		if (!tp_config.tc)
			count(TP_INBOUND_EXCLUDED_PORT);
		return SK_PASS;
	}
	if (!tp_config.all_addresses &&
	    !(address_kind(&tuple->proxy) & TP_ADDRESS_INSTANCE)) {
		count(TP_INBOUND_OTHER_ADDRESS);
		return SK_PASS;
	}
	/* tc looks here too while it makes up its mind; it counts by itself. */
	if (assign_inbound(ctx)) {
		if (!tp_config.tc)
			count(TP_INBOUND_SYN_LOOKUP);
		return SK_PASS;
	}
	if (!tp_config.tc)
		count(tp_config.bypass ? TP_INBOUND_BYPASSED : TP_INBOUND_NO_LISTENER);
	return tp_config.bypass ? SK_PASS : SK_DROP;
}

SEC("sk_lookup")
int tp_lookup(struct bpf_sk_lookup *ctx)
{
	struct tp_tuple tuple;

	/* A program before this one has chosen: the one of a version before, perhaps. */
	if (ctx->protocol != IPPROTO_TCP || ctx->sk)
		return SK_PASS;
	read_tuple(ctx, &tuple);
	if (!is_from_here(&tuple.client, &tuple.proxy))
		return inbound(ctx, &tuple);
	if (ctx->family == AF_INET6 && is_localhost6(ctx) &&
	    (ctx->local_port & SPREAD_PORTS_MASK) == SPREAD_PORTS)
		return spread(ctx, &tuple);
	return SK_PASS;
}
