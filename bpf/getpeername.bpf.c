// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* getpeername4 and getpeername6: the application sees whom it asked for. */
#include "common.h"

#define OK 1

static __always_inline struct tp_socket *find_client(struct bpf_sock_addr *ctx)
{
	struct tp_socket *socket = bpf_sk_storage_get(&tp_sockets, ctx->sk, 0, 0);

	return socket && socket->role == TP_ROLE_CLIENT ? socket : 0;
}

SEC("cgroup/getpeername4")
int tp_getpeername4(struct bpf_sock_addr *ctx)
{
	struct tp_socket *socket = find_client(ctx);

	if (!socket || ctx->user_ip4 != socket->proxy.addr[3] ||
	    (__be16)ctx->user_port != socket->proxy.port)
		return OK;
	ctx->user_ip4 = socket->original.addr[3];
	keep_apart();
	ctx->user_port = socket->original.port;
	return OK;
}

SEC("cgroup/getpeername6")
int tp_getpeername6(struct bpf_sock_addr *ctx)
{
	struct tp_socket *socket = find_client(ctx);

	if (!socket || ctx->user_ip6[3] != socket->proxy.addr[3] ||
	    (__be16)ctx->user_port != socket->proxy.port)
		return OK;
	give_ip6(ctx->user_ip6, socket->original.addr);
	ctx->user_port = socket->original.port;
	return OK;
}
