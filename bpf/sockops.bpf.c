// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * sockops: hands the original destination from the client's socket to the one
 * that the proxy accepts, and learns which sockets the proxy listens on.
 */
#include "common.h"

#define OK 1

static __always_inline void read_local(struct bpf_sock_ops *ctx,
				       struct tp_endpoint *local)
{
	if (ctx->family == AF_INET) {
		set_mapped(local, take(ctx->local_ip4), bpf_htons(ctx->local_port));
		return;
	}
	take_ip6(local->addr, ctx->local_ip6);
	local->port = bpf_htons(ctx->local_port);
	local->pad = 0;
}

/* The kernel keeps remote_port in network byte order, local_port in the host's. */
static __always_inline void read_remote(struct bpf_sock_ops *ctx,
					struct tp_endpoint *remote)
{
	__be16 port = bpf_htons(bpf_ntohl(ctx->remote_port));

	if (ctx->family == AF_INET) {
		set_mapped(remote, take(ctx->remote_ip4), port);
		return;
	}
	take_ip6(remote->addr, ctx->remote_ip6);
	remote->port = port;
	remote->pad = 0;
}

static __always_inline void watch_states(struct bpf_sock_ops *ctx)
{
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags |
				       BPF_SOCK_OPS_STATE_CB_FLAG);
}

/*
 * A client's SYN is about to leave, its source port is known: from here on the
 * proxy's end can be told where the connection was going.
 */
static __always_inline void on_connect(struct bpf_sock_ops *ctx)
{
	struct tp_handshake handshake = {};
	struct tp_socket *socket;
	struct tp_tuple tuple;

	if (!ctx->sk)
		return;
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0, 0);
	if (!socket || socket->role != TP_ROLE_CLIENT)
		return;
	read_local(ctx, &tuple.client);
	read_remote(ctx, &tuple.proxy);
	/* A socket can be connected again, to a place that is left alone. */
	if (!same_endpoint(&tuple.proxy, &socket->proxy))
		return;
	handshake.original = socket->original;
	handshake.listener = socket->listener;
	if (bpf_map_update_elem(&tp_handshakes, &tuple, &handshake, BPF_ANY)) {
		count(TP_OUTBOUND_HANDSHAKES_FULL);
		return;
	}
	watch_states(ctx);
}

/* Whatever became of the handshake, its entry does not outlive the client. */
static __always_inline void on_state(struct bpf_sock_ops *ctx)
{
	struct tp_tuple tuple;

	if (ctx->args[1] != BPF_TCP_CLOSE)
		return;
	read_local(ctx, &tuple.client);
	read_remote(ctx, &tuple.proxy);
	bpf_map_delete_elem(&tp_handshakes, &tuple);
}

/* Sockets from the proxy's listeners carry a copy of the listener's storage. */
static __always_inline void on_accept(struct bpf_sock_ops *ctx)
{
	struct tp_handshake *handshake;
	struct tp_socket *socket;
	struct tp_tuple tuple;

	if (!ctx->sk)
		return;
	socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0, 0);
	if (!socket || socket->role != TP_ROLE_LISTENER)
		return;
	read_remote(ctx, &tuple.client);
	read_local(ctx, &tuple.proxy);
	handshake = bpf_map_lookup_elem(&tp_handshakes, &tuple);
	if (handshake) {
		socket->original = handshake->original;
		socket->role = TP_ROLE_ACCEPTED;
		bpf_map_delete_elem(&tp_handshakes, &tuple);
	} else if (socket->direction == TP_INBOUND &&
		   !is_from_here(&tuple.client, &tuple.proxy)) {
		/* Steered here unchanged: it was going to where it arrived. */
		socket->original = tuple.proxy;
		socket->role =
			tuple.proxy.port == bpf_htons(tp_config.ports[TP_INBOUND]) ?
				TP_ROLE_ARRIVED :
				TP_ROLE_ACCEPTED;
		count(TP_INBOUND_REDIRECTED);
	}
}

/*
 * Puts a listener into the first free slot. BPF_NOEXIST refuses a slot whose
 * socket lives; closing a socket empties its slot. All full: take one of them,
 * for the newest listeners are those that will last.
 */
static __always_inline void add_listener(struct bpf_sock_ops *ctx, void *map)
{
	__u32 slot;

	for (slot = 0; slot < TP_LISTENER_SLOTS; slot++) {
		__u32 key = slot;

		if (!bpf_sock_map_update(ctx, map, &key, BPF_NOEXIST))
			return;
	}
	slot = bpf_get_prandom_u32() % TP_LISTENER_SLOTS;
	bpf_sock_map_update(ctx, map, &slot, BPF_ANY);
}

static __always_inline bool is_ours(struct bpf_sock_ops *ctx)
{
	return !tp_config.sockops_knows_netns ||
	       bpf_get_netns_cookie(ctx) == tp_config.netns_cookie;
}

static __always_inline void on_listen(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	enum tp_direction direction;
	struct tp_listening *at;
	struct tp_socket *socket;
	__u32 zero = 0;

	if (ctx->local_port == tp_config.ports[TP_OUTBOUND])
		direction = TP_OUTBOUND;
	else if (ctx->local_port == tp_config.ports[TP_INBOUND])
		direction = TP_INBOUND;
	else
		return;
	if (!is_ours(ctx) || !sk)
		return;
	socket = bpf_sk_storage_get(&tp_sockets, sk, 0,
				    BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		return;
	socket->role = TP_ROLE_LISTENER;
	socket->direction = direction;
	if (ctx->family == AF_INET) {
		at = bpf_map_lookup_elem(&tp_listening, &zero);
		if (at)
			at->addr4[direction] = ctx->local_ip4;
		if (direction == TP_INBOUND)
			add_listener(ctx, &tp_inbound4);
	} else if (direction == TP_INBOUND) {
		add_listener(ctx, &tp_inbound6);
	} else {
		add_listener(ctx, &tp_outbound6);
	}
}

SEC("sockops")
int tp_sockops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		on_connect(ctx);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		on_accept(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		on_state(ctx);
		break;
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		on_listen(ctx);
		break;
	}
	return OK;
}
